"""Starts the trainer somewhere, by its command line: a room a platform.

In each room `__main__.py` is the command, one module is what the platform is
handed (connections, a script, a manifest, command lines), and one is what runs
there (`host.py`, `batch.py`, `machine/`). `supervise/` restarts workers.
`jobs/` tells of them all, by a module `platform` of a room.
"""
