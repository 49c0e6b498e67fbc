"""The ssh launcher: its commands, and its supervision with a stand-in ssh."""

import contextlib
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from launch.ssh import __main__ as ssh
from launch.ssh import connections
from launch.supervise import workers
from tests import processes
from tests.faults import jobs
from tests.launch.fake_trainer import PLAN

FAKE = str(pathlib.Path(__file__).with_name("fake_trainer.py"))
ENDED_SECS = 30.0
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
from launch.ssh import host
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
            "--config=fake",
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
    assert started(tmp_path) == ["started_0_0", "started_1_0"]


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


def test_a_host_whose_worker_fails_first_is_left_out(lab, tmp_path, capfd):
    # b's fails three times; then a and c go on.
    plan = [["wait", [1, None], "wait"]] * 3 + [[[0, None], [0, None]]] * 4
    words = lab(plan, "--min_workers=2", hosts="a,b,c")
    assert ssh.main(words) == 0
    # b's place is c's in the last start.
    assert "[2] worker 1 of start 3 ends with 0" in capfd.readouterr().out


def launch(words):
    """Starts a launcher with the fixture's short times."""
    script = (
        "import sys; from launch.ssh import __main__ as ssh, connections;"
        "from launch.supervise import workers;"
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
    process = launch(lab(plan))
    wait_for_lines(process, " waits", 2)
    (tmp_path / "down_b").touch()
    wait_for_lines(process, "strata: b does not answer: ssh: no route to b")
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
    process = launch(lab([["wait", "wait"]], "--max_restarts=1"))
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


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--hosts="], "--hosts: '' must be a name"),
        (["--hosts=a,,b"], "--hosts: '' must be a name"),
        (["--hosts=a,-oProxyCommand=x"], "'-oProxyCommand=x' must be a name"),
        (["--hosts=a;b"], "'a;b' must be a name"),
        (["--hosts=a b"], "'a b' must be a name"),
        (["--hosts=a:22"], "'a:22' must be a name"),
        (["--hosts=10.0.0.256,b"], "'10.0.0.256' must be a name or an IPv4"),
        (["--hosts=@b"], "'@b' must be a name"),
        (["--hosts=a,me@a"], "names a twice"),
        (["--hosts=localhost,b"], "localhost is another host to each"),
        (["--hosts=a,127.0.0.2"], "127.0.0.2 is another host to each"),
        (["--host=a"], "did you mean --hosts?"),
        ([], "--hosts=A,B is missing"),
        (["--hosts=a,b", "--min_workers=3"], "must not exceed the 2 of"),
        (["--hosts=a,b", "--min_workers=0"], "whole number of 1 or more"),
        (["--hosts=a", "--max_restarts=x"], "whole number of 0 or more"),
        (["--hosts=a", "--port=80"], "--port=80 must be from 1024 to 65535"),
        (["--hosts=a", "--port=65536"], "must be from 1024 to 65535"),
        (["--hosts=a", "--directory=~/strata"], "must begin with /"),
        (["--hosts=a", "--python="], "--python='' must name a Python"),
        (["--hosts=a", "--ssh_config=/no"], "--ssh_config=/no is not a file"),
    ],
)
def test_a_mistake_is_one_line(flags, words, capfd):
    assert words in told(capfd, [*flags, "--dry_run", "--", "--config=x"])


def test_a_job_without_a_config_is_a_mistake(capfd):
    line = told(capfd, ["--hosts=a", "--dry_run", "--"])
    assert "--config is missing" in line


def test_an_unknown_flag_of_the_trainer_is_a_mistake(capfd):
    words = ["--hosts=a", "--dry_run", "--", "--config=x", "--plan=y"]
    assert "flag 'plan'" in told(capfd, words)


DRY = ["--python=python3", "--directory=/a b/$(x)", "--dry_run"]


def dry_run(capfd, hosts, arguments):
    assert ssh.main([f"--hosts={hosts}", *DRY, "--", *arguments]) == 0
    shown = capfd.readouterr()
    assert not shown.err
    return shown.out


def test_a_dry_run_prints_all_commands(capfd):
    lines = dry_run(capfd, "me@a,b", ["--config=x"]).splitlines()
    options = "".join(f" -o{o}" for o in connections.OPTIONS)
    assert [shlex.split(line)[-2] for line in lines] == ["me@a", "b"] * 2
    assert all(line.startswith(f"ssh -T{options} ") for line in lines)
    assert shlex.split(lines[0])[-1] == (
        "cd '/a b/$(x)' && exec python3 -m launch.ssh.host --probe=runs/x"
        " --hosts=a,b"
    )
    words = shlex.split(shlex.split(lines[3])[-1])
    assert words[:5] == ["cd", "/a b/$(x)", "&&", "exec", "env"]
    assert json.loads(words[5].removeprefix("TF_CONFIG=")) == {
        "cluster": {"worker": ["a:11111", "b:11111"]},
        "task": {"type": "worker", "index": 1},
    }
    assert words[6:] == [
        *("python3", "-m", "launch.ssh.host", "--index=1", "--silence_secs=30"),
        *("--", "--config=x"),
    ]


WORDS = st.text(st.characters(blacklist_characters="\0", codec="utf-8"))


def as_flags(words):
    """Has a flag hold each word, by turns joined to it and apart."""
    for place, word in enumerate(words):
        yield from ["--data_dir", word] if place % 2 else [f"--data_dir={word}"]


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words=st.lists(WORDS, max_size=3))
@example(words=["a b", "$(touch x)`y`", "line\nline", "'\"'\\", "!*", ""])
def test_the_trainers_arguments_arrive_intact(words, tmp_path, capfd):
    """Through two shells: that which reads the dry run, and the host's."""
    directory = tmp_path / "a b" / "$(x) 'y"
    directory.mkdir(parents=True, exist_ok=True)
    show = tmp_path / "show"
    write_tool(show, '#!/bin/sh\npwd\nprintf \'%s\\0\' "$TF_CONFIG" "$@"\n')
    flags = [f"--python={show}", f"--directory={directory}", "--dry_run"]
    arguments = ["--config=x", *as_flags(words)]
    assert ssh.main(["--hosts=a,b", *flags, "--", *arguments]) == 0
    text = capfd.readouterr().out
    # A word with line breaks is one word to a shell.
    tool = 'ssh() { for text; do :; done; sh -c "$text"; }\n'
    done = subprocess.run(
        ["bash", "-c", tool + text], capture_output=True, check=True
    )
    shown = done.stdout.decode().split(f"{directory}\n")[-1].split("\0")
    assert json.loads(shown[0])["task"]["index"] == 1
    assert shown[6:-1] == arguments


WATCHED = """
import sys
def watch(event, arguments):
    if event in ("subprocess.Popen", "os.system", "os.exec", "os.fork",
                 "os.posix_spawn", "socket.connect", "socket.bind"):
        sys.exit(f"made {event}")
sys.addaudithook(watch)
from launch.ssh import __main__ as ssh
sys.exit(ssh.main(["--hosts=a,b", "--dry_run", "--", "--config=mnist"]))
"""


def test_a_dry_run_makes_no_process_and_no_connection():
    done = subprocess.run(
        [sys.executable, "-c", WATCHED], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ssh -T ")


@pytest.fixture
def remote(tmp_path):
    """Starts what runs on a host, with a trainer that does as it is told."""
    started = []

    def start(trainer, *flags):
        script = (
            "import sys; from launch.ssh import host; host.STOP_SECS = 0.5;"
            f"host.TRAINER = (sys.executable, '-c', {trainer!r});"
            "host.leave(host.main(sys.argv[1:]))"
        )
        words = [*flags, "--", "--config=x", f"--workdir={tmp_path}"]
        process = subprocess.Popen(
            [sys.executable, "-c", script, *words],
            cwd=processes.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        started.append(process)
        return process, int(process.stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()


DEAF = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True: signal.pause()
"""
CALM = """
import os, signal, sys
wanted = [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT]
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print(os.getpid(), flush=True)
number = signal.sigwait(wanted)
print("saved", flush=True)
sys.exit(number)
"""


@pytest.mark.parametrize(
    ("word", "code"), [("TERM", 15), ("USR1", 10), ("INT", 2), ("KILL", 137)]
)
def test_a_word_becomes_a_signal(remote, word, code):
    process, _ = remote(CALM)
    process.stdin.write(f"\nnonsense\n{word}\n")
    assert process.wait(ENDED_SECS) == code


def test_a_worker_leaves_once_its_launcher_is_gone(remote, tmp_path):
    process, pid = remote(CALM)
    # As when the connection breaks.
    process.stdout.close()
    process.stdin.close()
    assert process.wait(ENDED_SECS) == 15
    log = (tmp_path / "logs/worker_0.log").read_text()
    assert log.splitlines()[1] == "saved"
    wait_for_end([pid])


@pytest.mark.parametrize("silent", [False, True])
def test_a_worker_that_does_not_leave_is_killed(remote, silent):
    process, pid = remote(DEAF, *(["--silence_secs=1"] if silent else []))
    if not silent:
        process.stdin.close()
    assert process.wait(ENDED_SECS) == 75
    wait_for_end([pid])
