"""Submits jobs to Slurm, and queues them again where it pays."""
