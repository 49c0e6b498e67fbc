"""Faults really made: what breaks jobs, and the proof that this one goes on."""
