"""A run read back from its workdir: what it wrote, and its weights."""
