"""A finished or running job for people: reads a workdir, changes nothing."""
