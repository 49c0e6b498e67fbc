"""What a user has before a run: this machine, a first project, a shell."""
