"""Stands in for Google Cloud's servers, so that the real gcloud can be used.

Answers what gcloud asks for machines, requests for TPUs, jobs of Vertex AI and
objects in buckets, as far as the launcher's commands go. Operations take time
(some polls), lists come in pages, and faults can be set. It proves what is
sent, not that Google accepts it.
"""

import base64
import contextlib
import dataclasses
import hashlib
import json
import re
import socket
import threading
import urllib.parse
from collections.abc import Callable
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.http_server import serving
from tests.launch.gcp import gcloud_server

Body = dict[str, Any]
# So many looks at an operation before it is done; so many machines a page.
POLLS = 2
PAGE = 2
# In place of a status: the connection ends without an answer.
CUT = 0
STOCKOUT = {
    "code": "ZONE_RESOURCE_POOL_EXHAUSTED",
    "message": "The zone does not have enough resources available to fulfill"
    " the request.  Try a different zone, or try again later.",
}
QUOTA = {
    "code": "QUOTA_EXCEEDED",
    "message": "Quota 'NVIDIA_L4_GPUS' exceeded.  Limit: 1.0 in region x.",
}


@dataclasses.dataclass
class Call:
    """One request, as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


class Cloud:
    """What is there, and what was asked.

    Attributes:
      calls: all requests.
      machines: {path: body} of Compute Engine's machines.
      tpus: {path: body} of requests for TPUs.
      custom_jobs: {path: body} of Vertex AI's jobs, those that ended too.
      rules: {path: body} of firewalls' rules.
      objects: {(bucket, name): bytes} in buckets.
      errors: an operation that makes machines ends with the first of them,
        or is refused with it, where it holds a status.
      tpu_state: that a request for a TPU comes to be in.
      console: what each machine's serial port said.
      hook: is shown each request before it is answered.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.machines: dict[str, Body] = {}
        self.tpus: dict[str, Body] = {}
        self.custom_jobs: dict[str, Body] = {}
        self.rules: dict[str, Body] = {}
        self.objects: dict[tuple[str, str], bytes] = {}
        self.errors: list[Body] = []
        self.tpu_state = "ACTIVE"
        self.console = ""
        self.hook: Callable[[Call], None] | None = None
        self.lock = threading.RLock()
        self.base = ""
        self._operations: dict[str, Body] = {}
        self._uploads: dict[str, tuple[str, str]] = {}
        self._count = 0

    def names(self) -> list[str]:
        """Names all machines, requests for TPUs and jobs of Vertex AI."""
        with self.lock:
            running = [
                path
                for path, body in self.custom_jobs.items()
                if body["state"] == "JOB_STATE_RUNNING"
            ]
            found = [*self.machines, *self.tpus, *running]
        return sorted(path.rpartition("/")[2] for path in found)

    def made(self) -> list[Body]:
        """Returns what was asked for, in order."""
        with self.lock:
            return [
                call.body
                for call in self.calls
                if call.method == "POST"
                and re.search(
                    r"/(instances|instances/bulkInsert|queuedResources"
                    r"|customJobs)$",
                    call.path,
                )
            ]

    def take_away(self, name: str) -> None:
        """Takes a machine away, as the provider does with a spot machine."""
        with self.lock:
            for store in (self.machines, self.tpus):
                for path in [p for p in store if p.endswith(f"/{name}")]:
                    del store[path]

    def put(self, address: str, data: bytes) -> None:
        """Puts an object into a bucket, as a machine does."""
        bucket, _, name = address.removeprefix("gs://").partition("/")
        with self.lock:
            self.objects[bucket, name] = data

    def get(self, address: str) -> bytes | None:
        bucket, _, name = address.removeprefix("gs://").partition("/")
        with self.lock:
            return self.objects.get((bucket, name))

    def answer(self, call: Call) -> tuple[int, Any]:
        """Returns (status, JSON or bytes) for a request."""
        if self.hook:
            self.hook(call)
        with self.lock:
            self.calls.append(call)
            for pattern, handle in _ROUTES:
                match = re.fullmatch(pattern, call.path)
                if match:
                    return handle(self, call, *match.groups())
        return 404, _error(404, f"no answer to {call.method} {call.path}")

    def batch(self, call: Call) -> tuple[int, Any]:
        """Answers several requests that came as one."""
        mark = call.body.split(b"\n")[0].strip()
        pieces = []
        for part in call.body.split(mark)[1:-1]:
            head, _, inner = part.strip().replace(b"\r", b"").partition(b"\n\n")
            number = re.search(rb"Content-ID: <(.*)>", head, re.IGNORECASE)
            line, _, rest = inner.partition(b"\n")
            method, address, *_ = line.decode().split()
            parts = urllib.parse.urlsplit(address)
            query = dict(urllib.parse.parse_qsl(parts.query))
            text = rest.partition(b"\n\n")[2].strip()
            body = json.loads(text) if text else b""
            status, value = self.answer(Call(method, parts.path, query, body))
            if status == CUT:
                return CUT, b""
            content = json.dumps(value)
            pieces.append(
                "--answers\r\nContent-Type: application/http\r\n"
                f"Content-ID: <response-{number[1].decode()}>\r\n\r\n"
                f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(content)}\r\n\r\n{content}\r\n"
            )
        return 200, Batch(("".join(pieces) + "--answers--").encode())

    # Compute Engine.

    def _operation(self, zone: str, kind: str, **more: Any) -> Body:
        self._count += 1
        name = f"op-{self._count}"
        self._operations[name] = {
            "kind": "compute#operation",
            "name": name,
            "operationType": kind,
            "status": "RUNNING",
            "progress": 0,
            "selfLink": f"{self.base}{zone}/operations/{name}",
            "zone": f"{self.base}{zone}",
            "polls": POLLS,
            **more,
        }
        return self._operations[name]

    def instances(self, call: Call, zone: str) -> tuple[int, Any]:
        if call.method == "GET":
            found = [
                v for k, v in self.machines.items() if k.startswith(zone + "/")
            ]
            return 200, _page(call, found, "items")
        path = f"{zone}/instances/{call.body['name']}"
        if path in self.machines:
            words = f"The resource '{path}' already exists"
            return 409, _error(409, words, "alreadyExists")
        return self._insert(call, zone, [path], call.body, "insert")

    def bulk(self, call: Call, zone: str) -> tuple[int, Any]:
        names = list(call.body["perInstanceProperties"])
        paths = [f"{zone}/instances/{name}" for name in names]
        properties = call.body["instanceProperties"]
        return self._insert(call, zone, paths, properties, "bulkInsert")

    def _insert(
        self, call: Call, zone: str, paths: list[str], body: Body, kind: str
    ) -> tuple[int, Any]:
        error = self.errors.pop(0) if self.errors else None
        if error and "status" in error:
            words = error["message"]
            return error["status"], _error(error["status"], words)
        link = self.base + (paths[0] if kind == "insert" else zone)
        group = f"group-{self._count}"
        operation = self._operation(
            zone, kind, targetLink=link, operationGroupId=group
        )
        if error:
            operation["error"] = {"errors": [error]}
            operation["httpErrorStatusCode"] = 503
            return 200, operation
        for path in paths:
            self.machines[path] = {
                **body,
                "name": path.rpartition("/")[2],
                "kind": "compute#instance",
                "id": str(len(self.machines) + 1),
                "status": "RUNNING",
                "selfLink": self.base + path,
                "zone": self.base + zone,
            }
            if kind == "bulkInsert":
                self._operation(
                    zone,
                    "insert",
                    targetLink=self.base + path,
                    operationGroupId=group,
                )
        return 200, operation

    def instance(self, call: Call, zone: str, name: str) -> tuple[int, Any]:
        path = f"{zone}/instances/{name}"
        if path not in self.machines:
            words = f"The resource '{path}' was not found"
            return 404, _error(404, words, "notFound")
        if call.method == "GET":
            return 200, self.machines[path]
        del self.machines[path]
        return 200, self._operation(zone, "delete", targetLink=self.base + path)

    def serial_port(self, call: Call, zone: str, name: str) -> tuple[int, Any]:
        first = int(call.query.get("start") or 0)
        return 200, {
            "kind": "compute#serialPortOutput",
            "contents": self.console[first:],
            "start": str(first),
            "next": str(len(self.console)),
            "selfLink": f"{self.base}{zone}/instances/{name}/serialPort",
        }

    def operations(self, call: Call, zone: str) -> tuple[int, Any]:
        found = [
            {**o, "status": "DONE"}
            for o in self._operations.values()
            if o.get("zone") == self.base + zone
        ]
        return 200, {"items": found}

    def operation(
        self, call: Call, zone: str, name: str, wait: str | None
    ) -> tuple[int, Any]:
        found = self._operations[name]
        found["polls"] -= 1
        if found["polls"] <= 0:
            found["status"], found["progress"] = "DONE", 100
        return 200, found

    def aggregated(self, call: Call, project: str) -> tuple[int, Any]:
        first = int(call.query.get("pageToken") or 0)
        found = sorted(self.machines.items())
        items: dict[str, Any] = {}
        for path, body in found[first : first + PAGE]:
            zone = path.split("/zones/")[1].split("/")[0]
            place = items.setdefault(f"zones/{zone}", {"instances": []})
            place["instances"].append(body)
        more = {}
        if first + PAGE < len(found):
            more = {"nextPageToken": str(first + PAGE)}
        return 200, {"items": items, **more}

    def project(self, call: Call, project: str) -> tuple[int, Any]:
        return 200, {"kind": "compute#project", "name": project, "id": "1"}

    def zone(self, call: Call, zone: str) -> tuple[int, Any]:
        name = zone.rpartition("/")[2]
        return 200, {
            "kind": "compute#zone",
            "name": name,
            "status": "UP",
            "selfLink": self.base + zone,
        }

    def firewalls(self, call: Call, project: str) -> tuple[int, Any]:
        place = f"/projects/{project}/global"
        path = f"{place}/firewalls/{call.body['name']}"
        if path in self.rules:
            words = f"The resource '{path}' already exists"
            return 409, _error(409, words, "alreadyExists")
        self.rules[path] = call.body
        link = self.base + path
        operation = self._operation(place, "insert", targetLink=link)
        del operation["zone"]
        return 200, operation

    def firewall(self, call: Call, project: str, name: str) -> tuple[int, Any]:
        path = f"/projects/{project}/global/firewalls/{name}"
        return 200, self.rules[path] | {"selfLink": self.base + path}

    def global_operation(
        self, call: Call, project: str, name: str, wait: str | None
    ) -> tuple[int, Any]:
        return self.operation(call, project, name, wait)

    # TPUs.

    def requests(self, call: Call, api: str, place: str) -> tuple[int, Any]:
        if call.method == "GET":
            pattern = place.replace("/locations/-", "/locations/[^/]+")
            found = [
                v
                for k, v in self.tpus.items()
                if re.fullmatch(f"{pattern}/queuedResources/[^/]+", k)
            ]
            return 200, _page(call, found, "queuedResources")
        error = self.errors.pop(0) if self.errors else None
        if error:
            status = error.get("status", 429)
            return status, _error(status, error["message"])
        name = call.query["queuedResourceId"]
        path = f"{place}/queuedResources/{name}"
        if path in self.tpus:
            return 409, _error(409, f"{path} already exists")
        self.tpus[path] = {
            **call.body,
            "name": path,
            "state": {"state": self.tpu_state},
        }
        return 200, {"name": f"{place}/operations/op-tpu", "done": True}

    def request(
        self, call: Call, api: str, place: str, name: str
    ) -> tuple[int, Any]:
        path = f"{place}/queuedResources/{name}"
        if path not in self.tpus:
            return 404, _error(404, f"{path} was not found")
        if call.method == "GET":
            return 200, self.tpus[path]
        del self.tpus[path]
        return 200, {"name": f"{place}/operations/op-tpu", "done": True}

    def tpu_operation(
        self, call: Call, api: str, place: str, name: str
    ) -> tuple[int, Any]:
        empty = {"@type": "type.googleapis.com/google.protobuf.Empty"}
        return 200, {
            "name": f"{place}/operations/{name}",
            "done": True,
            "response": empty,
        }

    # Vertex AI.

    def jobs(self, call: Call, place: str) -> tuple[int, Any]:
        if call.method == "GET":
            found = [
                v for k, v in self.custom_jobs.items() if k.startswith(place)
            ]
            return 200, _page(call, found, "customJobs")
        error = self.errors.pop(0) if self.errors else None
        if error:
            status = error.get("status", 429)
            return status, _error(status, error["message"])
        path = f"{place}/customJobs/{100 + len(self.custom_jobs)}"
        second = len(self.custom_jobs)
        self.custom_jobs[path] = {
            **call.body,
            "name": path,
            "state": "JOB_STATE_RUNNING",
            "createTime": f"2026-01-01T00:00:{second:02}Z",
        }
        return 200, self.custom_jobs[path]

    def job(
        self, call: Call, place: str, number: str, verb: str | None
    ) -> tuple[int, Any]:
        path = f"{place}/customJobs/{number}"
        if path not in self.custom_jobs:
            return 404, _error(404, f"{path} was not found")
        if not verb:
            return 200, self.custom_jobs[path]
        self.custom_jobs[path]["state"] = "JOB_STATE_CANCELLED"
        return 200, {}

    def fail_job(self, words: str) -> None:
        """Has Vertex AI give up the newest job."""
        with self.lock:
            newest = list(self.custom_jobs.values())[-1]
            newest["state"] = "JOB_STATE_FAILED"
            newest["error"] = {"code": 3, "message": words}

    # Buckets.

    def bucket(self, call: Call, bucket: str) -> tuple[int, Any]:
        return 200, {"kind": "storage#bucket", "name": bucket, "id": bucket}

    def listing(self, call: Call, bucket: str) -> tuple[int, Any]:
        prefix = call.query.get("prefix", "")
        delimiter = call.query.get("delimiter")
        items, folders = [], set()
        for (place, name), data in sorted(self.objects.items()):
            if place != bucket or not name.startswith(prefix):
                continue
            rest = name[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.split(delimiter)[0] + delimiter)
            else:
                items.append(self._object(bucket, name, data))
        return 200, {"items": items, "prefixes": sorted(folders)}

    def _object(self, bucket: str, name: str, data: bytes) -> Body:
        quoted = urllib.parse.quote(name, safe="")
        link = f"{self.base}/storage/v1/b/{bucket}/o/{quoted}"
        digest = hashlib.md5(data).digest()
        return {
            "kind": "storage#object",
            "bucket": bucket,
            "name": name,
            "id": f"{bucket}/{name}/1",
            "size": str(len(data)),
            "generation": "1",
            "metageneration": "1",
            "md5Hash": base64.b64encode(digest).decode(),
            "etag": "x",
            "storageClass": "STANDARD",
            "timeCreated": "2026-01-01T00:00:00.000Z",
            "updated": "2026-01-01T00:00:00.000Z",
            "contentType": "application/octet-stream",
            "selfLink": link,
            "mediaLink": f"{link}?alt=media",
        }

    def object(self, call: Call, bucket: str, quoted: str) -> tuple[int, Any]:
        name = urllib.parse.unquote(quoted)
        data = self.objects.get((bucket, name))
        if data is None:
            return 404, _error(404, f"No such object: {bucket}/{name}")
        if call.method == "DELETE":
            del self.objects[bucket, name]
            return 204, b""
        if call.query.get("alt") == "media":
            return 200, data
        return 200, self._object(bucket, name, data)

    def upload(self, call: Call, bucket: str) -> tuple[int, Any]:
        if call.query.get("uploadType") == "resumable":
            token = f"upload-{len(self._uploads)}"
            self._uploads[token] = (bucket, _name_in(call))
            return 200, {"upload": token}
        if "upload_id" in call.query:
            bucket, name = self._uploads[call.query["upload_id"]]
            data = call.body
        else:
            name, data = _multipart(call)
        self.objects[bucket, name] = data
        return 200, self._object(bucket, name, data)


_ZONE = r"(?:/compute/v1)?(/projects/[^/]+/zones/[^/]+)"
_GLOBAL = r"(?:/compute/v1)?/projects/([^/]+)/global"
_PLACE = r"/(v2|v2alpha1)/(projects/[^/]+/locations/[^/]+)"
_VERTEX = r"/v1/(projects/[^/]+/locations/[^/]+)"
_ROUTES = [
    (r"/batch/compute/v1", Cloud.batch),
    (f"{_ZONE}/instances", Cloud.instances),
    (f"{_ZONE}/instances/bulkInsert", Cloud.bulk),
    (f"{_ZONE}/instances/([^/]+)", Cloud.instance),
    (f"{_ZONE}/instances/([^/]+)/serialPort", Cloud.serial_port),
    (f"{_ZONE}/operations", Cloud.operations),
    (f"{_ZONE}/operations/([^/]+)(/wait)?", Cloud.operation),
    (_ZONE, Cloud.zone),
    (r"/compute/v1/projects/([^/]+)", Cloud.project),
    (
        r"/compute/v1/projects/([^/]+)/aggregated/instances",
        Cloud.aggregated,
    ),
    (f"{_GLOBAL}/firewalls", Cloud.firewalls),
    (f"{_GLOBAL}/firewalls/([^/]+)", Cloud.firewall),
    (f"{_GLOBAL}/operations/([^/]+)(/wait)?", Cloud.global_operation),
    (f"{_PLACE}/queuedResources", Cloud.requests),
    (f"{_PLACE}/queuedResources/([^/]+)", Cloud.request),
    (f"{_PLACE}/operations/([^/]+)", Cloud.tpu_operation),
    (f"{_VERTEX}/customJobs", Cloud.jobs),
    (f"{_VERTEX}/customJobs/([^/:]+)(:cancel)?", Cloud.job),
    (r"/storage/v1/b/([^/]+)", Cloud.bucket),
    (r"/storage/v1/b/([^/]+)/o", Cloud.listing),
    (r"/(?:download/)?storage/v1/b/([^/]+)/o/(.+)", Cloud.object),
    (r"(?:/resumable)?/upload/storage/v1/b/([^/]+)/o", Cloud.upload),
]


def _error(status: int, message: str, reason: str = "error") -> Body:
    told = [{"message": message, "reason": reason, "domain": "global"}]
    return {"error": {"code": status, "message": message, "errors": told}}


def _page(call: Call, found: list[Body], key: str) -> Body:
    first = int(call.query.get("pageToken") or 0)
    page: Body = {key: found[first : first + PAGE]}
    if first + PAGE < len(found):
        page["nextPageToken"] = str(first + PAGE)
    return page


def _name_in(call: Call) -> str:
    if "name" in call.query:
        return call.query["name"]
    return json.loads(call.body)["name"]


def _multipart(call: Call) -> tuple[str, bytes]:
    """Takes apart metadata and data that came as one body."""
    mark = call.body.split(b"\r\n" if b"\r\n" in call.body[:200] else b"\n")[0]
    _, about, data, *_ = call.body.split(mark)
    head = re.split(rb"\r?\n\r?\n", about, maxsplit=1)[1]
    content = re.split(rb"\r?\n\r?\n", data, maxsplit=1)[1]
    return json.loads(head)["name"], re.sub(rb"\r?\n\Z", b"", content)


class Batch(bytes):
    """Several answers as one."""


class Handler(BaseHTTPRequestHandler):
    """Reads a request, has the cloud answer it."""

    protocol_version = "HTTP/1.1"
    cloud: Cloud

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query))
        data = self._data()
        body: Any = data
        is_json = "json" in self.headers.get("Content-Type", "")
        if is_json and "/upload/" not in parts.path and data:
            body = json.loads(data)
        call = Call(self.command, parts.path, query, body)
        status, value = self.cloud.answer(call)
        if status == CUT:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(status, value)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_GET  # noqa: N815

    def _data(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = b""
            while size := int(self.rfile.readline(), 16):
                pieces += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return pieces
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: int, value: Any) -> None:
        is_data = isinstance(value, bytes)
        data: bytes = value if is_data else json.dumps(value).encode()
        wanted = self.headers.get("Range")
        if is_data and wanted and status == 200:
            first, _, last = wanted.partition("=")[2].partition("-")
            total = len(data)
            data = data[int(first) : int(last) + 1 if last else None]
            status = 206 if data else 416
        self.send_response(status)
        if status == 206:
            end = int(first) + len(data) - 1
            self.send_header("Content-Range", f"bytes {first}-{end}/{total}")
        if isinstance(value, dict) and "upload" in value:
            place = f"{self.cloud.base}{urllib.parse.urlsplit(self.path).path}"
            self.send_header("Location", f"{place}?upload_id={value['upload']}")
        kind = "application/octet-stream" if is_data else "application/json"
        if isinstance(value, Batch):
            kind = "multipart/mixed; boundary=answers"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: Any) -> None:
        pass


@contextlib.contextmanager
def running() -> Iterator[Cloud]:
    """Starts a cloud on a port of its own."""
    cloud = Cloud()
    handler = type("Bound", (Handler,), {"cloud": cloud})
    with serving(handler) as cloud.base:
        yield cloud


def environment(cloud: Cloud, folder: str) -> dict[str, str]:
    """Returns the variables by which gcloud talks to a cloud alone."""
    with open(f"{folder}/token", "w") as file:
        file.write("no-token")
    base = cloud.base
    return gcloud_server.environment() | {
        "CLOUDSDK_CONFIG": f"{folder}/config",
        "CLOUDSDK_CORE_PROJECT": "demo-project",
        "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
        "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "true",
        "CLOUDSDK_SURVEY_DISABLE_PROMPTS": "true",
        "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": f"{folder}/token",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{base}/compute/v1/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_TPU": f"{base}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_AIPLATFORM": f"{base}/",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE": f"{base}/storage/v1/",
        # A new process for each upload would cost as much as gcloud itself.
        "CLOUDSDK_STORAGE_PROCESS_COUNT": "1",
        "CLOUDSDK_STORAGE_THREAD_COUNT": "1",
    }
