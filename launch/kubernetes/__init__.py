"""Runs jobs on Kubernetes, by manifests and kubectl."""
