"""Bytes, local or in a bucket: whole or absent."""
