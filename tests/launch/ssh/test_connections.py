"""Workers on other hosts, by a stand-in for ssh."""

import json
import os
import pathlib
import signal
import sys
import urllib.request

import prometheus_client
import pytest

from tests import processes
from tests.faults import jobs
from tests.launch import fake_trainer
from tests.launch.fake_trainer import PLAN
from trainer.launch.ssh import __main__ as ssh
from trainer.launch.ssh import connections
from trainer.launch.supervise import workers
from trainer.launch.supervise.metrics import Numbers
from trainer.launch.supervise.policy import Policy
from trainer.launch.supervise.policy import Supervision

FAKE = fake_trainer.__file__
# Runs the command's last word in a shell of its own, as sshd does; while there
# is a file down_HOST there is no such host, and the connection breaks.
SSH = """\
import os, subprocess, sys, threading
host, text = sys.argv[-2:]
down = os.path.join({folder!r}, "down_" + host)
def there():
    if os.path.exists(down):
        sys.stderr.write("ssh: no route to " + host + "\\n")
        os._exit(255)
there()
reading, writing = os.pipe()
process = subprocess.Popen(["sh", "-c", text], stdin=reading)
os.close(reading)
def copy():
    while data := os.read(0, 4096):
        os.write(writing, data)
    os.close(writing)
threading.Thread(target=copy, daemon=True).start()
while True:
    try:
        sys.exit(process.wait(0.05))
    except subprocess.TimeoutExpired:
        there()
"""
# The hosts' Python, whose trainer follows a plan.
PYTHON = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from trainer.launch.ssh import host
from trainer.process.exits import leave
host.TRAINER = (sys.executable, {fake!r})
host._address_of = {names}.get
host.STOP_SECS = 0.5
leave(host.main(sys.argv[3:]))
"""
NAMES = {"a": "10.0.0.1", "b": "10.0.0.2", "c": "10.0.0.3"}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Hosts a, b and c; returns the launcher's words for a plan on some."""
    tools = tmp_path / "bin"
    tools.mkdir()
    write_tool(
        tools / "ssh",
        f'#!/bin/sh\nexec {sys.executable} {tmp_path}/ssh.py "$@"\n',
    )
    (tmp_path / "ssh.py").write_text(SSH.format(folder=str(tmp_path)))
    write_python(tools / "python", NAMES)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(workers, "PEER_GRACE_SECS", 0.3)
    monkeypatch.setattr(connections, "KILL_SECS", 2.0)
    monkeypatch.setattr(connections, "FRESH_SECS", 0.0)
    monkeypatch.setenv(PLAN, str(tmp_path / "plan.json"))

    def words(plan, *flags, hosts="a,b"):
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        return [
            f"--hosts={hosts}",
            f"--python={tools / 'python'}",
            f"--directory={tmp_path}",
            *flags,
            "--",
            "--config=digits",
            f"--workdir={tmp_path / 'run'}",
        ]

    return words


def write_python(path, names):
    text = PYTHON.format(
        python=sys.executable, root=processes.ROOT, fake=FAKE, names=names
    )
    write_tool(path, text)


def write_tool(path, text):
    path.write_text(text)
    path.chmod(0o755)


def started(tmp_path):
    return sorted(p.name for p in (tmp_path / "run").glob("started_*"))


@pytest.mark.parametrize("code", [0, 2, 3, 43])
def test_a_final_code_comes_back(lab, tmp_path, code):
    assert ssh.main(lab([[[code, None], [code, None]]])) == code
    # The second may be ended before it notes its start.
    assert set(started(tmp_path)) <= {"started_0_0", "started_1_0"}


def test_a_failed_job_is_started_again_until_it_is_done(lab, tmp_path, capfd):
    plan = [[[75, 3], [247, None]], [[42, 5], [42, 6]], [[0, 9], [0, None]]]
    assert ssh.main(lab(plan)) == 0
    assert len(started(tmp_path)) == 6
    out = capfd.readouterr().out
    assert "workers ended with [75, 247]; starting 2 again in 0 s, from" in out
    assert "[1] worker 1 of start 2 ends with 0\n" in out
    log = (tmp_path / "run/logs/worker_1.log").read_text().splitlines()
    assert log == [
        f"worker 1 of start {i} ends with {code}"
        for i, code in enumerate([247, 42, 0])
    ]


def test_a_flags_value_may_be_a_word_of_its_own(lab, tmp_path):
    """The hosts log in the trainer's folder, and look there for its step."""
    plan = [[[1, step]] for step in (1, 2, 3)] + [[[0, 4]]]
    *own, config, workdir = lab(plan, "--max_restarts=1", hosts="a")
    assert ssh.main([*own, *config.split("="), *workdir.split("=")]) == 0
    assert len(started(tmp_path)) == 4
    assert (tmp_path / "run/logs/worker_0.log").exists()


def test_one_host_has_no_peers(lab, tmp_path):
    assert ssh.main(lab([[[0, 1]]], hosts="me@a")) == 0
    assert started(tmp_path) == ["started_0_0"]


def test_the_launcher_shows_its_numbers(lab, tmp_path):
    (port,) = processes.free_ports(1)
    words = lab([[[75, 3]], [[0, 9]]], hosts="a")
    assert ssh.main([*words, f"--metrics_port={port}"]) == 0
    arguments = (tmp_path / "run" / "arguments_0").read_text().splitlines()
    assert f"--metrics_port={port + 1}" in arguments
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        told = answer.read().decode()
    name = "strata_supervisor_"
    assert f"{name}starts_total 2.0\n" in told
    assert f'{name}worker_exits_total{{code="75",worker="0"}} 1.0\n' in told
    # To look for it takes a connection to each host.
    assert "checkpoint_step" not in told


def test_workers_that_have_ended_are_counted_and_told_nothing(monkeypatch):
    """As while the launcher waits for hosts, and someone asks it."""
    monkeypatch.setattr(connections, "SPEAK_SECS", 0.0)
    worker = connections.RemoteWorker(0, ["true"], "secret")
    registry = prometheus_client.CollectorRegistry()
    Numbers(registry, Supervision(Policy(1, 1)), None).started([worker])
    assert worker.finish() == 0
    name = "strata_supervisor_workers_running"
    assert registry.get_sample_value(name) == 0
    assert worker.poll() == 0
    worker.send(signal.SIGTERM)


@pytest.mark.slow
def test_a_host_whose_worker_fails_first_is_left_out(lab, tmp_path, capfd):
    # b's fails three times; then a and c go on.
    plan = [["wait", [1, None], "wait"]] * 3 + [[[0, None], [0, None]]] * 4
    words = lab(plan, "--min_workers=2", hosts="a,b,c")
    assert ssh.main(words) == 0
    # b's place is c's in the last start.
    assert "[2] worker 1 of start 3 ends with 0" in capfd.readouterr().out


def launch(words, away_secs=600.0):
    """Starts a launcher with the fixture's short times."""
    script = (
        "import sys; from trainer.launch.ssh import __main__ as ssh;"
        "from trainer.launch.ssh import connections;"
        "from trainer.launch.supervise import policy, workers;"
        f"policy.AWAY_SECS = {away_secs};"
        "workers.PEER_GRACE_SECS = 0.3; connections.KILL_SECS = 2.0;"
        "connections.FRESH_SECS = 0.0;"
        "sys.exit(ssh.main(sys.argv[1:]))"
    )
    return processes.start_python("-c", script, *words)


def wait_for_lines(process, text, count=1):
    lines = []
    while count:
        lines.append(process.stdout.readline())
        assert lines[-1], lines
        count -= text in lines[-1]


def pids(tmp_path):
    return [int((tmp_path / "run" / n).read_text()) for n in started(tmp_path)]


def wait_for_end(pids):
    def alive(pid):
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return False
        return text.rpartition(")")[2].split()[0] not in "ZX"

    jobs.wait_for("the workers' end", lambda: not any(map(alive, pids)))


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGTERM, 42), (signal.SIGINT, 43)]
)
def test_a_request_is_passed_on_and_answered(lab, tmp_path, number, expected):
    process = launch(lab([["wait", "wait"]]))
    wait_for_lines(process, " waits", 2)
    process.send_signal(number)
    code, output = processes.finish(process)
    assert code == expected, output
    wait_for_end(pids(tmp_path))


def test_no_worker_outlives_a_launcher_that_is_killed(lab, tmp_path):
    process = launch(lab([["wait", "hang"]]))
    wait_for_lines(process, " waits")
    jobs.wait_for("both", lambda: len(started(tmp_path)) == 2)
    found = pids(tmp_path)
    process.kill()
    processes.finish(process)
    wait_for_end(found)


def test_a_host_that_is_cut_off_is_waited_for(lab, tmp_path):
    plan = [["wait", "wait"], [[0, 9], [0, None]]]
    process = launch(lab(plan, "--max_restarts=1"))
    wait_for_lines(process, " waits", 2)
    (tmp_path / "down_b").touch()
    told = "strata: b does not answer: ssh: no route to b"
    wait_for_lines(process, told, 3)
    (tmp_path / "down_b").unlink()
    code, output = processes.finish(process)
    assert code == 0, output
    assert len(started(tmp_path)) == 4


def test_a_host_that_stays_away_is_left_out(lab, tmp_path):
    plan = [["wait", "wait", "wait"], [[0, 9], [0, None]]]
    process = launch(lab(plan, "--min_workers=2", hosts="a,b,c"))
    wait_for_lines(process, " waits", 3)
    (tmp_path / "down_a").touch()
    code, output = processes.finish(process)
    assert code == 0, output
    # b is the chief now.
    assert "[1] worker 0 of start 1 ends with 0" in output
    assert "[2] worker 1 of start 1 ends with 0" in output


def test_a_job_whose_host_never_comes_back_ends(lab, tmp_path):
    process = launch(lab([["wait", "wait"]]), away_secs=2.0)
    wait_for_lines(process, " waits", 2)
    (tmp_path / "down_b").touch()
    code, output = processes.finish(process)
    assert code == 75, output
    assert "no progress any more: workers ended with [75]" in output


def told(capfd, words):
    assert ssh.main(words) == 2
    shown = capfd.readouterr()
    assert not shown.out
    (line,) = shown.err.splitlines()
    return line


def test_a_host_that_cannot_be_reached_is_told_of(lab, tmp_path, capfd):
    (tmp_path / "down_b").touch()
    line = told(capfd, lab([]))
    assert "--hosts: b does not answer (ssh: no route to b); see that" in line


def test_a_host_without_the_directory_is_told_of(lab, tmp_path, capfd):
    words = lab([])
    line = told(
        capfd,
        [
            "--directory=/no/such" if "=/" in w and "dir" in w[:6] else w
            for w in words
        ],
    )
    assert "/no/such" in line


def test_a_host_without_the_python_is_told_of(lab, capfd):
    line = told(
        capfd,
        [
            "--python=/no/python" if w.startswith("--python") else w
            for w in lab([])
        ],
    )
    assert "--python=/no/python" in line


def test_a_host_that_does_not_know_another_is_told_of(lab, tmp_path, capfd):
    write_python(tmp_path / "bin/python", {"a": NAMES["a"]})
    assert "--hosts: a does not know b; give" in told(capfd, lab([]))


def test_a_host_that_takes_its_name_for_loopback_is_told_of(
    lab, tmp_path, capfd
):
    write_python(tmp_path / "bin/python", {"a": "127.0.1.1", "b": "127.0.1.1"})
    line = told(capfd, lab([]))
    assert "--hosts: a takes its own name for 127.0.1.1" in line


def test_without_ssh_no_job_can_be_started(lab, capfd, monkeypatch):
    words = lab([])
    monkeypatch.setenv("PATH", "")
    assert "ssh is not on this machine" in told(capfd, words)
