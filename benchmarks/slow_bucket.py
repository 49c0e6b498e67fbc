"""A bucket on the loopback that is as slow as a real one.

  python -m benchmarks.slow_bucket FOLDER

serves a folder's files as Google Cloud Storage does, read-only, as far as
Google's client asks: each answer begins 5 ms after its request, and a stream
gives 200 MB/s. It prints its address, which STORAGE_EMULATOR_HOST takes, and
ends with its stdin.
"""

import json
import os
import pathlib
import re
import socketserver
import sys
import threading
import time
import urllib.parse
from typing import Any

BUCKET = "slow-bucket"
ANSWER_SECS = 0.005
STREAM_BYTES_PER_SEC = 200e6
PIECE_BYTES = 2**20
_PATH = re.compile(
    r"/(?:download/)?storage/v1/b/[^/]+/o(?:/([^?]+))?(?:\?(.*))?"
)
_RANGE = re.compile(rb"range: bytes=(\d+)-(\d+)", re.IGNORECASE)


class _Handler(socketserver.StreamRequestHandler):
    """Answers the requests of one connection."""

    folder: pathlib.Path
    disable_nagle_algorithm = True

    def handle(self) -> None:
        while line := self.rfile.readline():
            headers = b""
            while (header := self.rfile.readline()) not in (b"\r\n", b""):
                headers += header
            time.sleep(ANSWER_SECS)
            self._answer(line.split()[1].decode(), headers)

    def _answer(self, target: str, headers: bytes) -> None:
        found = _PATH.fullmatch(target)
        name = urllib.parse.unquote(found[1] or "") if found else ""
        query = dict(urllib.parse.parse_qsl(found[2] or "")) if found else {}
        if not name:
            items = [self._entry(path) for path in self.folder.iterdir()]
            return self._say("200 OK", {"items": items})
        path = self.folder / name.rpartition("/")[2]
        if not path.is_file():
            return self._say("404 Not Found", {})
        if query.get("alt") != "media":
            return self._say("200 OK", self._entry(path))
        wanted = _RANGE.search(headers)
        size = path.stat().st_size
        first, last = (int(wanted[1]), int(wanted[2])) if wanted else (0, size)
        return self._send(path, first, min(last + 1, size), size)

    def _entry(self, path: pathlib.Path) -> dict[str, str]:
        return {
            "name": f"{self.folder.name}/{path.name}",
            "generation": "1",
            "size": str(path.stat().st_size),
        }

    def _say(self, status: str, content: Any) -> None:
        data = json.dumps(content).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(data)}\r\n\r\n"
        self.wfile.write(head.encode() + data)

    def _send(
        self, path: pathlib.Path, first: int, stop: int, size: int
    ) -> None:
        self.wfile.write(
            (
                "HTTP/1.1 206 Partial Content\r\n"
                f"Content-Length: {stop - first}\r\n"
                f"Content-Range: bytes {first}-{stop - 1}/{size}\r\n\r\n"
            ).encode()
        )
        began, sent = time.perf_counter(), 0
        with open(path, "rb") as file:
            while sent < stop - first:
                count = min(PIECE_BYTES, stop - first - sent)
                self.connection.sendfile(file, first + sent, count)
                sent += count
                until = began + sent / STREAM_BYTES_PER_SEC
                time.sleep(max(0.0, until - time.perf_counter()))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: Any) -> None:
        """Says nothing of a client that is gone."""


def main() -> None:
    """Serves a folder until stdin ends."""
    _Handler.folder = pathlib.Path(sys.argv[1])
    server = _Server(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
