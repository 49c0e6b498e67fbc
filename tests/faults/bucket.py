"""Buckets as Google Cloud Storage serves them, in this process.

What Strata asks of it: objects by name, each write a new generation, and
refusals where that is not the one expected. Nothing leaves the loopback.
"""

import base64
import contextlib
import hashlib
import http.server
import importlib.util
import itertools
import json
import pathlib
import re
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

import pytest

from tests.http_server import serving

BUCKET = "strata-lab"
PAGE = 5
# A workdir in it.
PATH = "runs/one/"
NAME = f"gs://{BUCKET}/runs/one"
HAS_CLIENT = importlib.util.find_spec("google.cloud") and (
    importlib.util.find_spec("google.cloud.storage")
)
needs_client = pytest.mark.skipif(
    not HAS_CLIENT, reason="Strata's extra gcs is not installed"
)


class Stored(NamedTuple):
    """One object."""

    data: bytes
    generation: int


class Server:
    """Buckets, and what was done to them.

    Attributes:
      objects: {name: object} of the one bucket.
      address: where they are, once they are served.
      done: (verb, name) of each change, in order.
      listed: what was asked for by each listing's first page.
      refusing: the code by which each request is refused; 0 for none.
      ranges: (name, first byte, last byte) of each part that was read.
      faults: what becomes of the next reads of a part, each once: "cut" in the
        middle, or a code.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self.address = ""
        self.done: list[tuple[str, str]] = []
        self.listed: list[str] = []
        self.refusing = 0
        self.ranges: list[tuple[str, int, int]] = []
        self.faults: list[str | int] = []
        self.turn = threading.Lock()
        self.uploads: dict[str, tuple[str, dict[str, str], bytes]] = {}
        self._numbers = itertools.count(1)

    def number(self) -> int:
        return next(self._numbers)

    def names(self, under: str = "") -> set[str]:
        """Returns the objects' names below a path."""
        with self.turn:
            names = list(self.objects)
        return {n.removeprefix(under) for n in names if n.startswith(under)}

    def read(self, name: str) -> Any:
        """Returns an object of JSON; None where there is none."""
        stored = self.objects.get(name)
        return json.loads(stored.data) if stored else None

    def put_folder(self, name: str, folder: pathlib.Path) -> None:
        """Writes all files of a folder."""
        for path in folder.rglob("*"):
            if path.is_file():
                inside = path.relative_to(folder).as_posix()
                self.put(f"{name}/{inside}", path.read_bytes())

    def put(self, name: str, data: bytes) -> None:
        """Writes an object, as another program would."""
        with self.turn:
            self.objects[name] = Stored(data, self.number())


@contextlib.contextmanager
def served() -> Iterator[Server]:
    server = Server()
    handler = type("Bound", (_Handler,), {"buckets": server})
    with serving(handler) as server.address:
        yield server


@contextlib.contextmanager
def emulated(
    patch: pytest.MonkeyPatch, staging: pathlib.Path
) -> Iterator[Server]:
    """A bucket that Google's client takes for theirs, and copies of its own."""
    with served() as server:
        patch.setenv("STORAGE_EMULATOR_HOST", server.address)
        patch.setenv("STRATA_STAGING_DIR", str(staging))
        yield server


def steps_of(server: Server) -> list[str]:
    """Returns the steps whose checkpoints are whole."""
    names = server.names(f"{PATH}checkpoints/")
    return sorted({n[5:13] for n in names if n.endswith("manifest.json")})


class _Handler(http.server.BaseHTTPRequestHandler):
    buckets: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _answer(
        self, code: int, data: Any = b"", headers: dict[str, str] | None = None
    ) -> None:
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _refuse(self, code: int, words: str) -> None:
        self._answer(code, {"error": {"code": code, "message": words}})

    def _do(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if self.buckets.refusing:
            return self._refuse(self.buckets.refusing, "not now")
        match = re.fullmatch(
            r"(/upload|/download)?/storage/v1/b/([^/]+)/o(?:/(.+))?", url.path
        )
        if not match:
            return self._refuse(400, f"what is {self.path}?")
        if match[2] != BUCKET:
            return self._refuse(404, "The specified bucket does not exist.")
        name = urllib.parse.unquote(match[3] or "")
        with self.buckets.turn:
            if self.command == "GET" and not name:
                return self._list(query)
            if self.command == "GET":
                return self._get(name, query)
            if self.command == "DELETE":
                return self._delete(name, query)
            return self._upload(query, body)

    do_GET = do_POST = do_PUT = do_DELETE = _do  # noqa: N815

    def _resource(self, name: str) -> dict[str, Any]:
        stored = self.buckets.objects[name]
        md5 = hashlib.md5(stored.data).digest()
        return {
            "kind": "storage#object",
            "name": name,
            "bucket": BUCKET,
            "generation": str(stored.generation),
            "metageneration": "1",
            "size": str(len(stored.data)),
            "md5Hash": base64.b64encode(md5).decode(),
        }

    def _list(self, query: dict[str, str]) -> None:
        start = query.get("prefix", "")
        names = sorted(n for n in self.buckets.objects if n.startswith(start))
        first = int(query.get("pageToken", 0))
        if not first:
            self.buckets.listed.append(start)
        page: dict[str, Any] = {
            "items": [self._resource(n) for n in names[first : first + PAGE]]
        }
        if first + PAGE < len(names):
            page["nextPageToken"] = str(first + PAGE)
        self._answer(200, page)

    def _get(self, name: str, query: dict[str, str]) -> None:
        if name not in self.buckets.objects:
            return self._refuse(404, f"No such object: {name}")
        if query.get("alt") == "media":
            return self._media(name, query)
        return self._answer(200, self._resource(name))

    def _media(self, name: str, query: dict[str, str]) -> None:
        data = self.buckets.objects[name].data
        match = re.fullmatch(
            r"bytes=(\d+)-(\d+)", self.headers.get("Range") or ""
        )
        if not match:
            return self._answer(200, data)
        if not self._is_expected(name, query):
            return None
        first, last = int(match[1]), int(match[2])
        if first >= len(data):
            return self._refuse(416, "The requested range cannot be satisfied.")
        self.buckets.ranges.append((name, first, last))
        fault = self.buckets.faults.pop() if self.buckets.faults else None
        if isinstance(fault, int):
            return self._refuse(fault, "not this time")
        part = data[first : last + 1]
        if fault is None:
            return self._answer(206, part)
        self.send_response(206)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part[: len(part) // 2])
        self.close_connection = True
        return None

    def _is_expected(self, name: str, query: dict[str, str]) -> bool:
        stored = self.buckets.objects.get(name)
        wanted = query.get("ifGenerationMatch")
        is_so = wanted is None or int(wanted) == (
            stored.generation if stored else 0
        )
        if not is_so:
            self._refuse(412, "At least one of the pre-conditions failed.")
        return is_so

    def _delete(self, name: str, query: dict[str, str]) -> None:
        if name not in self.buckets.objects:
            return self._refuse(404, f"No such object: {name}")
        if self._is_expected(name, query):
            del self.buckets.objects[name]
            self.buckets.done.append(("delete", name))
            self._answer(204)
        return None

    def _upload(self, query: dict[str, str], body: bytes) -> None:
        if query["uploadType"] == "multipart":
            edge = re.search(
                r'boundary="?([^";]+)', self.headers["content-type"]
            )
            assert edge
            _, told, content, _ = body.split(b"--" + edge[1].encode())
            told = told.partition(b"\r\n\r\n")[2]
            content = content.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
            return self._store(json.loads(told)["name"], query, content)
        if "upload_id" not in query:
            number = str(self.buckets.number())
            name = json.loads(body)["name"]
            self.buckets.uploads[number] = (name, query, b"")
            way = f"{self.buckets.address}{self.path}&upload_id={number}"
            return self._answer(200, headers={"Location": way})
        number = query["upload_id"]
        name, first, before = self.buckets.uploads[number]
        whole = before + body
        self.buckets.uploads[number] = (name, first, whole)
        size = self.headers["Content-Range"].rpartition("/")[2]
        if size == "*" or len(whole) < int(size):
            had = {"Range": f"bytes=0-{len(whole) - 1}"}
            return self._answer(308, headers=had)
        return self._store(name, first, whole)

    def _store(self, name: str, query: dict[str, str], data: bytes) -> None:
        if self._is_expected(name, query):
            stored = Stored(data, self.buckets.number())
            self.buckets.objects[name] = stored
            self.buckets.done.append(("write", name))
            self._answer(200, self._resource(name))
