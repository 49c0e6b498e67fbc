r"""Requests per second of `strata serve` beside other servers of one export.

  python -m benchmarks.serve --workdir=runs/mnist --peers=DIR --mlserver=DIR

One row of 28 x 28 pixels a request, as JSON, by 1, 16 and 64 clients of one
process, on this machine. All servers run all the time, and are asked in turn:
each number is a median of the rounds. LitServe, BentoML and MLServer run the
ONNX of the same export as Strata does, FastAPI Keras's own predict.

DIR are environments, and what is not named is left out:

  uv venv peers && uv pip install --python peers litserve bentoml fastapi \
      uvicorn uvloop httptools onnxruntime tensorflow==2.21.0
  uv venv mlserver && uv pip install --python mlserver mlserver onnxruntime

The run is exported before: --formats=saved_model,keras,onnx.
"""

import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import load
from benchmarks.load import Load

PEERS = pathlib.Path(__file__).parent / "serving_peers"
CLIENTS = (1, 16, 64)
START_SECS = 120
BATCH_ROWS = 64


class Asked(NamedTuple):
    """A server that runs, and how it is asked."""

    port: int
    path: str
    body: bytes


def free_port() -> int:
    """Returns a port of the loopback that nothing listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def instances(row: np.ndarray) -> bytes:
    """Returns a body as TensorFlow Serving's path takes it."""
    return json.dumps({"instances": [row.tolist()]}).encode()


def commands(
    arguments: argparse.Namespace, row: np.ndarray, folder: pathlib.Path
) -> dict[str, tuple[list[str], Asked]]:
    """Returns each server's command and how it is asked, by its name."""
    export = max(
        pathlib.Path(arguments.workdir, "export").glob("[0-9]*"),
        key=lambda path: int(path.name),
    ).absolute()
    onnx, ports = str(export / "model.onnx"), iter(free_port, None)
    body, found = instances(row), {}

    def strata(name: str, *flags: str) -> None:
        port = next(ports)
        place = f"mnist={arguments.workdir}"
        found[name] = (
            [sys.executable, "-m", "trainer", "serve", place,
             f"--port={port}", *flags],
            Asked(port, "/v1/models/mnist:predict", body),
        )  # fmt: skip

    strata("strata (onnx)")
    strata("strata (tensorflow)", "--runtime=tensorflow")
    if arguments.peers:
        python = str(pathlib.Path(arguments.peers, "bin", "python").absolute())
        port = next(ports)
        found["LitServe"] = (
            [python, str(PEERS / "litserve_app.py"), onnx, str(port)],
            Asked(port, "/predict", body),
        )
        port = next(ports)
        found["BentoML"] = (
            [python, "-m", "bentoml", "serve", "bentoml_app:Served",
             "--working-dir", str(PEERS), "--port", str(port)],
            Asked(port, "/predict", body),
        )  # fmt: skip
        port = next(ports)
        found["Keras and FastAPI"] = (
            [python, str(PEERS / "fastapi_app.py"),
             str(export / "model.keras"), str(port)],
            Asked(port, "/predict", body),
        )  # fmt: skip
    if arguments.mlserver:
        port = next(ports)
        found["MLServer"] = (
            [str(pathlib.Path(arguments.mlserver, "bin", "mlserver")
                 .absolute()), "start", str(folder)],
            Asked(port, "/v2/models/mnist/infer", tensors(row)),
        )  # fmt: skip
        write_mlserver(folder, onnx, port)
    os.environ["MODEL"] = onnx
    return found


def tensors(row: np.ndarray) -> bytes:
    """Returns a body of the Open Inference Protocol."""
    tensor = {
        "name": "inputs",
        "shape": [1, *row.shape],
        "datatype": "UINT8",
        "data": row.ravel().tolist(),
    }
    return json.dumps({"inputs": [tensor]}).encode()


def write_mlserver(folder: pathlib.Path, onnx: str, port: int) -> None:
    """Writes MLServer's settings, of a batch as large as ours."""
    server = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 0,
    }
    model = {
        "name": "mnist",
        "implementation": "mlserver_app.Served",
        "max_batch_size": BATCH_ROWS,
        "max_batch_time": 0.001,
        "parameters": {"uri": onnx},
    }
    (folder / "settings.json").write_text(json.dumps(server))
    (folder / "model-settings.json").write_text(json.dumps(model))


@contextlib.contextmanager
def running(
    found: dict[str, tuple[list[str], Asked]],
) -> Iterator[dict[str, Asked]]:
    """Yields the servers that answer, and ends them."""
    processes, answering = [], {}
    environment = os.environ | {
        "PYTHONPATH": str(PEERS.parents[1]) + os.pathsep + str(PEERS),
        "BENTOML_DO_NOT_TRACK": "True",
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    try:
        for name, (command, asked) in found.items():
            with tempfile.TemporaryFile() as log:
                process = subprocess.Popen(
                    command, env=environment, stdout=log, stderr=log,
                    start_new_session=True,
                )  # fmt: skip
                processes.append(process)
                if answers(process, asked):
                    answering[name] = asked
                else:
                    log.seek(0)
                    tail = log.read().decode(errors="replace")[-2000:]
                    print(f"{name} does not answer:\n{tail}", file=sys.stderr)
        yield answering
    finally:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
        for process in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)


def answers(process: subprocess.Popen, asked: Asked) -> bool:
    """Waits until a server answers; returns whether it does."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{asked.port}{asked.path}",
        asked.body,
        {"Content-Type": "application/json"},
    )
    until = time.monotonic() + START_SECS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            print(error.read()[:500], file=sys.stderr)
            return False
        except OSError:
            time.sleep(0.2)
    return False


def median(loads: list[Load]) -> Load:
    """Returns the median of each number, and the sum of what failed."""
    rate, p50_ms, p99_ms = (
        statistics.median(getattr(load, name) for load in loads)
        for name in ("rate", "p50_ms", "p99_ms")
    )
    return Load(rate, p50_ms, p99_ms, sum(load.failed for load in loads))


def main() -> None:
    """Prints a line for each server and number of clients."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--workdir", required=True)
    parser.add_argument("--peers", default="")
    parser.add_argument("--mlserver", default="")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--secs", type=float, default=3.0)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    arguments = parser.parse_args()
    row = np.random.default_rng(0).integers(0, 256, (28, 28))
    with (
        tempfile.TemporaryDirectory() as folder,
        running(commands(arguments, row, pathlib.Path(folder))) as servers,
    ):
        for clients in arguments.clients:
            seen: dict[str, list[Load]] = {name: [] for name in servers}
            for _ in range(arguments.rounds):
                for name, asked in servers.items():
                    seen[name].append(load.ask(*asked, clients, arguments.secs))
            show(clients, {name: median(found) for name, found in seen.items()})


def show(clients: int, found: dict[str, Load]) -> None:
    """Prints what some clients saw."""
    first = next(iter(found.values()))
    for name, seen in found.items():
        print(
            f"{clients:>3} clients  {name:<20} {seen.rate:8.0f} /s"
            f"  p50 {seen.p50_ms:7.2f} ms  p99 {seen.p99_ms:7.2f} ms"
            f"  {seen.failed} failed  x{first.rate / seen.rate:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
