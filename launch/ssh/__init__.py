"""Runs a job's workers on hosts that ssh reaches, and restarts them."""
