"""A reader of stdout that leaves or stands still, and a disk that is full."""

import os
import pty
import subprocess
import sys
import termios

import pytest

from tests import processes
from tests.faults import jobs
from trainer.process import output

LINES = 3000
# Says LINES lines of a hundred characters for each that it is told, then leaves
# with 42.
SCRIPT = f"""
import pathlib, sys
from trainer.process import exits, output
output.PATIENCE_SECS = float(sys.argv[2])
output.guard()
print("begins", flush=True)
for line in sys.stdin:
    output.keep_in(pathlib.Path(sys.argv[1]) / "logs" / "worker_0.log")
    for number in range({LINES}):
        print(f"{{number:0100}}")
    print("ends", file=sys.stderr)
exits.leave(42)
"""
SAID = "".join(f"{number:0100}\n" for number in range(LINES))


def start(tmp_path, stdout, patience_secs=0.2):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(tmp_path), str(patience_secs)],
        cwd=processes.ROOT,
        stdin=subprocess.PIPE,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    """Has it speak; returns its exit code."""
    process.stdin.write("\n")
    process.stdin.close()
    return process.wait(60)


def log_of(tmp_path):
    return (tmp_path / "logs/worker_0.log").read_text()


def wait_for_line(screen):
    while os.read(screen, 1) != b"\n":
        pass


def test_a_reader_that_leaves_ends_nothing(tmp_path):
    process = start(tmp_path, subprocess.PIPE)
    assert process.stdout.readline() == "begins\n"
    process.stdout.close()
    assert finish(process) == 42
    assert log_of(tmp_path) == SAID + "ends\n"


def test_a_reader_that_stands_still_blocks_nothing(tmp_path):
    process = start(tmp_path, subprocess.PIPE)
    assert process.stdout.readline() == "begins\n"
    assert finish(process) == 42
    kept = log_of(tmp_path)
    assert kept.endswith("ends\n")
    with process.stdout as pipe:
        assert pipe.read() + kept == SAID + "ends\n"


def test_a_reader_that_goes_on_is_told_what_it_missed(tmp_path):
    process = start(tmp_path, subprocess.PIPE, patience_secs=1)
    assert process.stdout.readline() == "begins\n"
    process.stdin.write("\n")
    process.stdin.flush()
    log = tmp_path / "logs/worker_0.log"
    jobs.wait_for("the end", lambda: log.exists() and "ends" in log.read_text())
    taken = os.read(process.stdout.fileno(), 1 << 20).decode()
    kept = log.read_text()
    assert taken + kept == SAID + "ends\n"
    shown, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 42
    note = f"\nstrata: what was not taken is in {log}\n"
    # Stdout and stderr had both gone on without it.
    assert shown == note + SAID + note + "ends\n"
    assert log.read_text() == kept


def test_a_terminal_that_is_stopped_blocks_nothing(tmp_path):
    screen, terminal = pty.openpty()
    process = start(tmp_path, terminal)
    wait_for_line(screen)
    termios.tcflow(terminal, termios.TCOOFF)
    assert finish(process) == 42
    assert log_of(tmp_path) == SAID + "ends\n"
    os.close(terminal)
    os.close(screen)


def test_a_terminal_that_is_gone_ends_nothing(tmp_path):
    screen, terminal = pty.openpty()
    process = start(tmp_path, terminal)
    os.close(terminal)
    wait_for_line(screen)
    os.close(screen)
    assert finish(process) == 42
    assert log_of(tmp_path) == SAID + "ends\n"


@pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="only Linux has /dev/full"
)
def test_a_disk_that_is_full_ends_nothing(tmp_path):
    with open("/dev/full", "w") as full:
        process = start(tmp_path, full)
    assert finish(process) == 42
    assert log_of(tmp_path) == "begins\n" + SAID + "ends\n"


def test_without_a_workdir_lines_wait_for_one(tmp_path):
    process = start(tmp_path / "run", subprocess.PIPE)
    assert process.stdout.readline() == "begins\n"
    process.stdout.close()
    assert finish(process) == 42
    assert not (tmp_path / "run").exists()


def test_native_code_is_given_a_log_that_comes_later(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "PATIENCE_SECS", 0.0)
    log = output.Log(output.worker_log(tmp_path / "run", 0))
    reading, writing = os.pipe()
    stream = output.Guarded(writing, log)
    stream.write(b"more than a pipe holds" * 10_000)
    (tmp_path / "run").mkdir()
    stream.write(b"and more")
    # It writes to the descriptor, which would block it.
    assert os.path.samestat(os.fstat(writing), log.path.stat())
    log.close()
    os.close(reading)
    os.close(writing)


def test_a_link_in_a_logs_place_is_not_written_to(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "theirs").write_bytes(b"theirs")
    path = output.worker_log(tmp_path, 0)
    path.symlink_to(tmp_path / "theirs")
    log = output.Log(path)
    log.write(b"ours")
    log.close()
    assert (tmp_path / "theirs").read_bytes() == b"theirs"
