"""Starts jobs on Google Cloud's machines by gcloud, and removes them."""
