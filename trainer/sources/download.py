"""A file from the internet into a cache folder, whole or not at all."""

import hashlib
import http.client
import sys
import urllib.request
from pathlib import Path
from typing import BinaryIO

from trainer.process.exits import UserError
from trainer.storage.files import new_file

TIMEOUT_SECS = 20.0
CHUNK_BYTES = 2**20


def holds(path: Path, algorithm: str, checksum: str) -> bool:
    """Whether there is a file at `path`, with that checksum in hex."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == checksum
    except OSError:
        return False


def fetch(
    url: str, path: Path, *, algorithm: str, checksum: str, remedy: str
) -> None:
    """Downloads a file, printing its progress on stderr.

    It takes its name when its checksum holds, so that `path` is never a part
    of the file, however many processes fetch it at once.

    Args:
      url: what to download.
      path: where to; its folder is made.
      algorithm: hashlib's name of the checksum, such as "sha256".
      checksum: the file's, in hex.
      remedy: ends the line that says it cannot be had.

    Raises:
      UserError: where it cannot be had, or is not the file it should be.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with new_file(path) as file:
            digest = _copy(url, file, path.name, algorithm)
            if digest != checksum:
                raise UserError(
                    f"{url} has the wrong checksum: {algorithm} {digest}, not"
                    f" {checksum}; {remedy}"
                )
    except (OSError, http.client.HTTPException) as error:
        raise UserError(
            f"{url} cannot be downloaded ({error}); {remedy}"
        ) from None


def _copy(url: str, file: BinaryIO, name: str, algorithm: str) -> str:
    """Writes what `url` holds to a file and returns its checksum in hex."""
    digest = hashlib.new(algorithm)
    done_bytes = 0
    told = 0
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECS) as response:
        all_bytes = int(response.headers.get("Content-Length") or 0)
        while chunk := response.read(CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            done_bytes += len(chunk)
            # A line for each tenth: it reads well in a log too.
            tenths = 10 * done_bytes // all_bytes if all_bytes else 0
            if tenths > told:
                told = tenths
                print(
                    f"downloading {name}: {10 * tenths}% of"
                    f" {all_bytes / 1e6:.1f} MB",
                    file=sys.stderr,
                    flush=True,
                )
    return digest.hexdigest()
