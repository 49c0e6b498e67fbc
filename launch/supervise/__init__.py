"""Workers that are watched, and started again by their exit codes."""
