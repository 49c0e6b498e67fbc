"""Google Cloud as far as the launcher sees it, on the loopback."""
