"""What runs on a machine of Google Cloud, from its start to its end."""
