"""Runs and exports behind HTTP, for programs and for people."""
