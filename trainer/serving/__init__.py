"""A finished run for programs: load, evaluate, predict, export."""
