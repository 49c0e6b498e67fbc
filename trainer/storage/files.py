"""Local files that are whole or absent, JSON and JSON lines."""

import contextlib
import json
import os
import pathlib
from typing import Any


def write_atomically(path: pathlib.Path, data: bytes) -> None:
    """Writes a file that is whole or absent, whatever happens meanwhile."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(aside, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: pathlib.Path) -> None:
    """Makes renames within a folder last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def to_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def read_json_lines(path: pathlib.Path) -> list[dict[str, Any]]:
    """The whole lines of a JSON-lines file; a torn last one is left out."""
    lines = []
    with contextlib.suppress(FileNotFoundError):
        for text in path.read_text().splitlines():
            with contextlib.suppress(ValueError):
                lines.append(json.loads(text))
    return lines
