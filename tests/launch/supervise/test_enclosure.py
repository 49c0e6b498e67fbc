"""A network that nobody else reaches: another user, machine or program."""

import os
import pathlib
import subprocess
import sys
import threading

import pytest

from trainer.launch.supervise import enclosure as enclosures
from trainer.launch.supervise.enclosure import Enclosure

LISTEN = """
import socket, sys
listener = socket.create_server(("", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.sendall(b"met")
"""
COME = """
import socket, sys
print(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20).recv(9))
"""


@pytest.fixture(scope="module")
def enclosure():
    try:
        return Enclosure()
    except OSError as error:
        pytest.skip(f"this kernel allows no network namespace: {error}")


def start(enclosure, *words):
    return subprocess.Popen(
        [sys.executable, "-c", *words],
        preexec_fn=enclosure.enter if enclosure else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_those_inside_meet_and_none_outside_reaches_them(enclosure):
    with start(enclosure, LISTEN) as listener:
        port = listener.stdout.readline().strip()
        with start(None, COME, port) as outside:
            assert "ConnectionRefusedError" in outside.communicate()[1]
        with start(enclosure, COME, port) as inside:
            assert inside.communicate()[0].strip() == "b'met'"


def test_they_reach_nobody_outside_and_are_who_they_were(enclosure):
    told = "import os, socket; print(os.geteuid(), socket.if_nameindex())"
    with start(enclosure, told) as process:
        said = process.communicate()[0].strip()
    assert said == f"{os.geteuid()} [(1, 'lo')]"


PYTHON = "/usr/bin/python3"


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.path.exists(PYTHON),
    reason="only root becomes another, who needs a Python that all may run",
)
def test_another_user_needs_no_rights_for_it(enclosure):
    source = pathlib.Path(enclosures.__file__).read_text()
    told = subprocess.run(
        [PYTHON, "-I", "-c", source],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        user=65534,
        group=65534,
        extra_groups=[],
    )
    if "not permitted" in told.stderr:
        pytest.skip("this kernel allows users no namespace")
    assert (told.stdout, told.stderr) == ("user\n", "")


def test_a_kernel_that_refuses_is_told(monkeypatch, tmp_path):
    maker = tmp_path / "maker.py"
    maker.write_text("import sys; sys.exit('Operation not permitted')")
    monkeypatch.setattr(enclosures, "__file__", str(maker))
    with pytest.raises(OSError, match="Operation not permitted"):
        Enclosure()


def test_it_is_made_beside_threads_of_this_process():
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        Enclosure()
    except OSError as error:
        pytest.skip(f"this kernel allows no network namespace: {error}")
    finally:
        stop.set()
        thread.join()
