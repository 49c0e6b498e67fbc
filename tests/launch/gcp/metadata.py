"""A metadata server, and the watcher that asks it."""

import http.server
import os
import subprocess
import sys
import threading

from trainer.launch.gcp.machine import watcher


class Metadata:
    """A metadata server: values that change, and questions that wait for it."""

    def __init__(self):
        self.values = {"preempted": "FALSE", "maintenance-event": "NONE"}
        self.failures = 0
        self.asked = []
        self.changed = threading.Condition()
        own = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                own.answer(self)

            def log_message(self, *words):
                pass

        self.handler = Handler
        self.address = ""

    def answer(self, request):
        path, _, query = request.path.partition("?")
        name = path.removeprefix("/computeMetadata/v1/instance/")
        with self.changed:
            self.asked.append(request.path)
            if request.headers.get("Metadata-Flavor") != "Google":
                return request.send_error(403)
            if self.failures:
                self.failures -= 1
                return request.send_error(503)
            if f"last_etag={self.values[name]}" in query:
                before = self.values[name]
                self.changed.wait_for(lambda: self.values[name] != before, 20)
            value = self.values[name]
        request.send_response(200)
        request.send_header("ETag", value)
        request.send_header("Content-Length", str(len(value)))
        request.end_headers()
        request.wfile.write(value.encode())

    def change(self, name, value):
        with self.changed:
            self.values[name] = value
            self.changed.notify_all()


def watch(metadata):
    return subprocess.Popen(
        [sys.executable, watcher.__file__],
        env={**os.environ, "STRATA_METADATA_SERVER": metadata.address},
        stdout=subprocess.PIPE,
        text=True,
    )
