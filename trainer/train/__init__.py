"""The loop, and what happens between two chunks of it."""
