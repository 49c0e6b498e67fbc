"""The supervisor on this machine: with stand-ins, then with real training."""

import contextlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
from typing import ClassVar

import pytest

from tests import forked
from tests import processes
from tests.faults import jobs
from tests.launch.fake_trainer import PLAN
from trainer.cluster.place import Cluster
from trainer.launch import local
from trainer.launch.supervise import spare
from trainer.launch.supervise import workers
from trainer.process.exits import UserError

ENDED_SECS = 30.0
FAKE = str(pathlib.Path(__file__).with_name("fake_trainer.py"))


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Runs a plan on stand-ins; returns (exit code, workdir)."""
    monkeypatch.setattr(local, "TRAINER", (sys.executable, FAKE))
    monkeypatch.setattr(workers, "PEER_GRACE_SECS", 0.3)
    monkeypatch.setattr(workers, "HUNG_SECS", 0.5)
    monkeypatch.setenv(PLAN, str(tmp_path / "plan.json"))

    def run(plan, *flags):
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        workdir = tmp_path / "run"
        code = local.main(
            [
                f"--num_workers={len(plan[0])}",
                *flags,
                "--",
                "--config=digits",
                f"--workdir={workdir}",
            ]
        )
        return code, workdir

    return run


def starts(workdir, index=0):
    return len(list(workdir.glob(f"started_{index}_*")))


@pytest.mark.parametrize("code", [0, 2, 3, 43])
def test_a_final_code_is_passed_on_at_once(fake, code):
    done, workdir = fake([[[code, None]]])
    assert done == code
    assert starts(workdir) == 1


def test_a_failed_job_is_started_again_until_it_is_done(fake):
    plan = [
        [[75, 3], [247, None]],
        [[42, 5], [42, None]],
        [[0, 9], [0, None]],
    ]
    done, workdir = fake(plan)
    assert done == 0
    assert (starts(workdir, 0), starts(workdir, 1)) == (3, 3)


def test_a_crash_loop_ends_with_the_last_lines_of_who_failed(fake, capfd):
    done, workdir = fake([[[1, None]]] * 2, "--max_restarts=1")
    assert done == 1
    assert starts(workdir) == 2
    assert "worker 0 of start 1 ends with 1" in capfd.readouterr().err


def test_peers_that_do_not_leave_are_killed(fake):
    # The second worker waits for good.
    done, workdir = fake([[[75, None], "wait"], [[0, None], [0, None]]])
    assert done == 0
    assert starts(workdir, 1) == 2


def test_a_worker_that_beats_no_more_is_killed(fake, capfd):
    done, _ = fake([["hang"], [[0, None]]])
    assert done == 0
    assert "[0] hung, killed" in capfd.readouterr().out


def test_a_worker_that_never_beats_is_killed(fake, capfd):
    done, _ = fake([["frozen"], [[0, None]]], "--start_secs=3")
    assert done == 0
    assert "[0] no sign of life in 3 s, killed" in capfd.readouterr().out


class Stand:
    """Stands in for `Warm`: its children are commands, and do as planned.

    Attributes:
      made: all of them.
      is_gone: whether it starts nothing any more.
    """

    made: ClassVar[list["Stand"]] = []

    def __init__(self, enclosure):
        self.enclosure, self.words = enclosure, []
        self.is_gone = self.is_closed = False
        self.made.append(self)

    def start(self, words, descriptors, *, environment):
        if self.is_gone:
            raise BrokenPipeError
        self.words.append(words)
        return subprocess.Popen(
            [sys.executable, FAKE, *words[1:]],
            env=environment,
            stdout=descriptors[1],
            stderr=descriptors[2],
            pass_fds=[number for number in descriptors if number > 2],
        )

    def close(self):
        self.is_closed = True


@pytest.fixture
def stands(monkeypatch):
    monkeypatch.setattr(spare, "Warm", Stand)
    monkeypatch.setattr(Stand, "made", [])
    return Stand.made


def test_one_spare_starts_all_workers_of_all_starts(fake, stands, capfd):
    plan = [[[75, 3], [247, None]], ["hang", "wait"], [[0, 9], [0, None]]]
    done, workdir = fake(plan, "--spare")
    assert done == 0
    (stand,) = stands
    assert [words[0] for words in stand.words] == ["trainer.task"] * 6
    assert "--config=digits" in stand.words[0]
    assert stand.is_closed
    assert "[0] hung, killed" in capfd.readouterr().out
    log = (workdir / "logs/worker_1.log").read_text()
    assert "worker 1 of start 2 ends with 0" in log


def test_a_spare_that_was_killed_is_made_again(fake, stands, monkeypatch):
    newest_step = local.newest_step

    def look(workdir):
        stands[0].is_gone = starts(workdir) > 0
        return newest_step(workdir)

    monkeypatch.setattr(local, "newest_step", look)
    done, _ = fake([[[75, 3]], [[0, 9]]], "--spare")
    assert done == 0
    assert [len(stand.words) for stand in stands] == [1, 1]
    assert all(stand.is_closed for stand in stands)
    assert stands[0].enclosure is stands[1].enclosure


@pytest.mark.slow
def test_a_job_shrinks_to_min_workers(fake):
    # Worker 1 fails first, three times.
    plan = [["wait", [1, None]]] * 3 + [[[0, None]]]
    done, workdir = fake(plan, "--min_workers=1")
    assert done == 0
    assert (starts(workdir, 0), starts(workdir, 1)) == (4, 3)


def test_logs_are_kept_and_lines_say_whose_they_are(fake, capfd):
    _, workdir = fake([[[0, None], [0, None]]])
    out = capfd.readouterr().out
    for index in (0, 1):
        line = f"worker {index} of start 0 ends with 0"
        assert f"[{index}] {line}" in out
        log = workdir / "logs" / f"worker_{index}.log"
        assert log.read_text() == line + "\n"


def test_a_flags_value_may_be_a_word_of_its_own(fake, tmp_path):
    """The same folder as the trainer's, whose newest step is watched."""
    plan = [[[1, step]] for step in (1, 2, 3)] + [[[0, 4]]]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    workdir = tmp_path / "apart"
    words = ["--config", "digits", "--workdir", str(workdir)]
    assert local.main(["--max_restarts=1", "--", *words]) == 0
    assert starts(workdir) == 4
    assert (workdir / "logs/worker_0.log").exists()


def test_the_end_is_told_once_whatever_its_workers_did(fake, tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps([[[1, 3]], [[43, 5]]]))
    words = ["--config=digits", f"--workdir={tmp_path}/run"]
    tell = f'echo "$STRATA_EVENT_STATUS" >> {tmp_path}/told'
    assert local.main(["--", *words, "--on_end", tell]) == 43
    assert (tmp_path / "told").read_text() == "stopped\n"
    assert "on_end" not in (tmp_path / "run/arguments_0").read_text()


@pytest.mark.parametrize(
    ("variable", "index", "code", "told"),
    [
        ("STRATA_WORKER", 0, 0, "done\n"),
        ("STRATA_WORKER", 0, 42, "stopped\n"),
        ("STRATA_WORKER", 1, 0, None),
        ("JOB_COMPLETION_INDEX", 0, 43, "stopped\n"),
        ("JOB_COMPLETION_INDEX", 0, 42, None),
        ("JOB_COMPLETION_INDEX", 1, 3, None),
    ],
)
def test_of_several_machines_the_chiefs_tells_the_end(
    variable, index, code, told, fake, tmp_path, monkeypatch
):
    """And not of one after which the job is started again."""
    monkeypatch.setenv("STRATA_ADDRESSES", "a:1,b:1")
    monkeypatch.setenv(variable, str(index))
    # A supervisor that is told to leave does so by its worker's code.
    monkeypatch.setattr(local, "supervise", lambda *_: code)
    path = tmp_path / "told"
    tell = f'echo "$STRATA_EVENT_STATUS" >> {path}'
    words = ["--config=digits", f"--workdir={tmp_path}/run"]
    assert local.main(["--", *words, f"--on_end={tell}"]) == code
    assert (path.read_text() if path.exists() else None) == told


@pytest.mark.parametrize("variable", ["STRATA_WORKER", "JOB_COMPLETION_INDEX"])
def test_a_machines_worker_is_called_by_its_number(
    variable, fake, capfd, monkeypatch
):
    monkeypatch.setenv("STRATA_ADDRESSES", "a:1,b:1,c:1,d:1")
    monkeypatch.setenv(variable, "3")
    done, workdir = fake([[[1, None]]] * 2, "--max_restarts=1")
    assert done == 1
    captured = capfd.readouterr()
    assert "[3] worker 0 of start 1 ends with 1\n" in captured.out
    assert "worker 3 failed first, and said last:" in captured.err
    assert os.listdir(workdir / "logs") == ["worker_3.log"]


TWO = Cluster(("a:1", "b:1"), 1).tf_config()


def test_a_single_worker_keeps_its_place_in_a_cluster(
    fake, tmp_path, monkeypatch
):
    monkeypatch.setenv("TF_CONFIG", TWO)
    (tmp_path / "plan.json").write_text(json.dumps([[[1, None], [43, None]]]))
    words = ["--config=digits", f"--workdir={tmp_path / 'run'}"]
    assert local.main(["--", *words]) == 43
    assert os.listdir(tmp_path / "run" / "logs") == ["worker_1.log"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("TF_CONFIG", TWO), ("STRATA_ADDRESSES", "a:1,b:1")],
)
def test_several_workers_are_no_part_of_another_job(
    fake, capfd, monkeypatch, name, value
):
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("STRATA_WORKER", "1")
    assert fake([[[0, None], [0, None]]])[0] == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert f"--num_workers=2 makes a job of its own, and {name} names" in line


def test_a_peers_wish_to_leave_is_no_end_of_a_pod(fake):
    done, workdir = fake([[[42, 5]], [[75, 7]], [[0, None]]])
    assert done == 0
    assert starts(workdir) == 3


@pytest.mark.usefixtures("fake")
def test_the_chiefs_bar_moves_on_a_terminal(tmp_path):
    (tmp_path / "plan.json").write_text(json.dumps([[[0, None], [0, None]]]))
    ours, theirs = pty.openpty()
    process = start_fakes(tmp_path, 2, stdout=theirs)
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError), open(ours, "rb", buffering=0) as screen:
        while data := screen.read(1 << 16):
            shown += data
    assert process.wait(ENDED_SECS) == 0, shown
    others = re.compile(
        rb"(\r\x1b\[K)?\[1\] worker 1 of start 0 ends with 0\r\n"
    )
    bar, number = others.subn(b"", shown)
    assert b"\r[0] 1/2 \x1b[1mbar\x1b[0m\r[0] 2/2 bar\r" in bar
    assert number == 1
    log = (tmp_path / "run/logs/worker_0.log").read_text().splitlines()
    assert log == ["2/2 bar", "worker 0 of start 0 ends with 0"]


@pytest.mark.parametrize(
    ("names", "workers", "each", "expected"),
    [
        ([], 2, None, []),
        (["0", "1", "2", "3"], 2, None, ["0,1", "2,3"]),
        (["0", "1", "2"], 2, None, ["0", "1"]),
        (["4", "5", "6"], 3, 1, ["4", "5", "6"]),
    ],
)
def test_gpus_are_shared_out(names, workers, each, expected):
    assert local.share_out(names, workers, each) == expected


@pytest.mark.parametrize(("workers", "each"), [(3, None), (2, 2)])
def test_too_few_gpus_are_a_mistake(workers, each):
    with pytest.raises(UserError, match=r"needs more than the 2 GPU\(s\)"):
        local.share_out(["0", "1"], workers, each)


def test_gpus_are_those_that_may_be_seen(monkeypatch, tmp_path):
    for name in ("nvidia0", "nvidia1", "nvidiactl"):
        (tmp_path / name).touch()
    monkeypatch.setattr(local, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert local.gpus() == ["0", "1"]
    for visible, names in (
        ("3,GPU-7", ["3", "GPU-7"]),
        ("2, -1,3", ["2"]),
        ("-1", []),
        ("NoDevFiles", []),
        ("", []),
    ):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert local.gpus() == names


def test_a_containers_gpus_are_counted_from_0(monkeypatch, tmp_path):
    """Whatever number its device has on the host; one worker takes all."""
    for name in ("nvidia3", "nvidia5"):
        (tmp_path / name).touch()
    monkeypatch.setattr(local, "DEVICES", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert local.share_out(local.gpus(), 2, None) == ["0", "1"]
    assert local.share_out(local.gpus(), 1, None) == []
    assert local.share_out(local.gpus(), 1, 1) == ["0"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--num_workers=0", "--", "--config=digits"], "--num_workers: '0'"),
        (["--num_worker=2", "--", "--config=digits"], "mean --num_workers?"),
        (["--min_workers=2", "--", "--config=digits"], "--min_workers=2"),
        (
            ["--num_workers=2", "--", "--config=digits", "--cluster=none"],
            "--cluster=none would have each of 2 workers train alone",
        ),
        (["--config=digits"], "config"),
        (["--"], "--config is missing"),
        (["--", "--config=digits", "--plan=x"], "--plan is not a flag"),
        (["--", "--config=digits", "--config.x=1"], "config.x is not a field"),
        (["--", "--config=digits", "--workdir"], "Missing value for flag"),
        (["--", "--config=digits", "--help"], "see strata train --help"),
        (["x", "--", "--config=digits"], "'x' is not a flag"),
        (["--", "--config=digits", "--metrics_port=70000"], "=70000 must be"),
    ],
)
def test_a_mistake_is_one_line(arguments, words, capfd):
    assert local.main(arguments) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert words in line


def is_alive(pid):
    with contextlib.suppress(OSError):
        state = pathlib.Path(f"/proc/{pid}/stat").read_text()
        return state.rpartition(")")[2].split()[0] not in "ZX"
    return False


def start_fakes(tmp_path, workers, **streams):
    """Starts a supervisor of stand-ins, which follow tmp_path/plan.json."""
    script = (
        "import sys; from trainer.launch import local;"
        f"local.TRAINER = (sys.executable, {FAKE!r});"
        "sys.exit(local.main(sys.argv[1:]))"
    )
    return processes.start_python(
        "-c",
        script,
        f"--num_workers={workers}",
        "--",
        "--config=digits",
        f"--workdir={tmp_path / 'run'}",
        **streams,
    )


def start_waiting(tmp_path, plan="wait"):
    """Starts a supervisor; returns it and the pids of two that wait."""
    (tmp_path / "plan.json").write_text(json.dumps([[plan, plan]]))
    process = start_fakes(tmp_path, 2)
    waiting = 0
    while waiting < 2:
        waiting += " waits" in process.stdout.readline()
    pids = [int(p.read_text()) for p in (tmp_path / "run").glob("started_*")]
    return process, pids


@pytest.mark.parametrize(
    ("number", "expected"),
    [(signal.SIGTERM, 42), (signal.SIGHUP, 42), (signal.SIGINT, 43)],
)
@pytest.mark.usefixtures("fake")
def test_a_request_is_passed_on_and_answered(tmp_path, number, expected):
    process, pids = start_waiting(tmp_path)
    process.send_signal(number)
    code, output = processes.finish(process)
    assert code == expected, output
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT])
@pytest.mark.usefixtures("fake")
def test_a_signal_that_is_ignored_at_the_start_ends_no_job(tmp_path, number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        process, pids = start_waiting(tmp_path)
    finally:
        signal.signal(number, before)
    process.send_signal(number)
    for pid in pids:
        os.kill(pid, number)
    process.send_signal(signal.SIGTERM)
    code, output = processes.finish(process)
    assert code == 42, output


@pytest.mark.parametrize(
    ("number", "expected"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)]
)
@pytest.mark.usefixtures("fake")
def test_a_request_that_wrote_no_checkpoint_says_so(tmp_path, number, expected):
    process, _ = start_waiting(tmp_path, plan="die")
    process.send_signal(number)
    code, output = processes.finish(process)
    assert code == expected, output
    assert "told to leave, but no checkpoint was written" in output


@pytest.mark.usefixtures("fake")
def test_a_supervisor_whose_reader_leaves_goes_on(tmp_path):
    plan = [["wait"], [[0, None]]]
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    process = start_fakes(tmp_path, 1)
    assert process.stdout.readline() == "[0] worker 0 waits\n"
    process.stdout.close()
    (pid,) = (tmp_path / "run").glob("started_*")
    os.kill(int(pid.read_text()), signal.SIGKILL)
    assert process.wait(ENDED_SECS) == 0
    log = (tmp_path / "run/logs/supervisor.log").read_text()
    assert "workers ended with [-9]; starting 1 again" in log
    assert log.endswith("[0] worker 0 of start 1 ends with 0\n")


@pytest.mark.usefixtures("fake")
def test_no_worker_outlives_a_supervisor_that_is_killed(tmp_path):
    process, pids = start_waiting(tmp_path)
    watched = [os.pidfd_open(pid) for pid in pids]
    process.kill()
    processes.finish(process)
    for descriptor in watched:
        # Readable once the process has ended.
        ended, _, _ = select.select([descriptor], [], [], ENDED_SECS)
        os.close(descriptor)
        assert ended


def launch(workdir, *flags, python=sys.executable, own=("--num_workers=2",)):
    return processes.start_python(
        *("-m", "trainer", "launch", "local", *own, "--"),
        *jobs.TWO_SHORT.flags,
        *flags,
        f"--workdir={workdir}",
        python=python,
    )


@pytest.mark.slow
def test_a_job_whose_worker_is_killed_ends_with_the_same_bits(
    tmp_path, undisturbed
):
    process = launch(tmp_path / "run", python=forked.python())
    for line in process.stdout:
        if re.match(r"\[0\] Epoch 5/", line):
            break
    (victim,) = workers_of(process.pid, index=1)
    os.kill(victim, signal.SIGKILL)
    code, output = processes.finish(process)
    assert code == 0, output
    result = json.loads((tmp_path / "run/result.json").read_text())
    calm = undisturbed(jobs.TWO_SHORT).result()
    assert result["weights_sha256"] == calm["weights_sha256"]
    assert result["restarts"] == 1
    assert [r["workers"] for r in (result, calm)] == [2, 2]


@pytest.mark.slow
def test_a_spares_workers_are_killed_twice_and_end_with_the_same_bits(
    tmp_path, undisturbed
):
    process = launch(tmp_path / "run", own=("--num_workers=2", "--spare"))
    killed = set()
    for epoch in (5, 12):
        for line in process.stdout:
            if re.match(rf"\[0\] Epochs? {epoch}\b", line):
                break
        (warm,) = children_of(process.pid)
        victims = children_of(warm)
        assert len(victims) == 2
        assert not killed & {warm, *victims}
        networks = {os.readlink(f"/proc/{p}/ns/net") for p in (warm, *victims)}
        assert len(networks) == 1
        killed.add(victims[epoch % 2])
        os.kill(victims[epoch % 2], signal.SIGKILL)
    code, output = processes.finish(process)
    assert code == 0, output
    result = json.loads((tmp_path / "run/result.json").read_text())
    calm = undisturbed(jobs.TWO_SHORT).result()
    assert result["weights_sha256"] == calm["weights_sha256"]
    assert result["restarts"] == 2


def test_a_wrong_config_fails_once(tmp_path):
    """Told by the trainer's own command."""
    wrong = "--config.problem=binary"
    process = launch(tmp_path / "run", wrong)
    code, output = processes.finish(process)
    assert code == 2, output
    assert output.count("[0] strata: y_train holds 10 classes") == 1
    assert not (tmp_path / "run/result.json").exists()


def test_workers_share_a_secret_that_no_other_job_has(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(local, "Worker", lambda *words, **_: seen.append(words))
    job = local.LocalJob(["--config=digits"], tmp_path, [], 0)
    job.start(2, None)
    job.start(2, None)
    told = [environment["STRATA_JOB_SECRET"] for _, _, environment, _ in seen]
    assert [told.count(secret) for secret in told] == [2, 2, 2, 2]
    assert not any(told[0] in word for _, words, *_ in seen for word in words)


DIGITS = ["--config=digits", "--workdir=run"]
MNIST = ["--config=mnist", "--workdir=run"]


def network_of(flags, arguments):
    wanted, given = local.read_flags([*flags, "--", *arguments])
    return local._network(wanted, given)


@pytest.mark.parametrize(
    ("flags", "arguments", "words"),
    [
        (["--network=host"], DIGITS, "--network=host"),
        ([], [*DIGITS, "--on_alert=http://a/b"], "--on_alert may tell"),
        ([], [*DIGITS, "--log_to=mlflow:http://a"], "--log_to may tell"),
        ([], ["--config=digits", "--workdir=gs://a-b/c"], "in a bucket"),
        ([], [*DIGITS, "--init_from=gs://a-b/c"], "in a bucket"),
        ([], MNIST, "mnist may be downloaded"),
        ([], ["--config=digits", "--config.seed=x"], "cannot be read"),
    ],
)
def test_workers_that_need_more_than_a_loopback_have_it(
    flags, arguments, words
):
    enclosure, reason = network_of(["--num_workers=2", *flags], arguments)
    assert enclosure is None
    assert words in reason


def test_workers_that_need_no_more_have_a_loopback_alone(monkeypatch):
    monkeypatch.setattr(local, "Enclosure", lambda: "own")
    several = ["--num_workers=2"]
    assert network_of(several, DIGITS) == ("own", "")
    assert network_of(several, [*MNIST, "--data_dir=d"]) == ("own", "")
    assert network_of([], DIGITS) == (None, "")


def test_a_system_that_allows_no_network_is_told(monkeypatch):
    def refuse():
        raise OSError("Operation not permitted")

    monkeypatch.setattr(local, "Enclosure", refuse)
    enclosure, reason = network_of(["--num_workers=2"], DIGITS)
    assert enclosure is None
    assert "no network of their own: Operation not permitted" in reason


def test_open_ports_are_named_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(local, "Worker", lambda *_, **__: None)
    addresses = ["127.0.0.1:4001", "127.0.0.1:4002"]
    monkeypatch.setattr(local, "free_addresses", lambda count: addresses)
    job = local.LocalJob(["--config=digits"], tmp_path, [], 0, (None, "why"))
    job.start(2, None)
    job.start(2, None)
    told = capsys.readouterr().err
    assert told.count("TensorFlow listens on ports 4001, 4002") == 1
    assert "(why)" in told


def children_of(pid):
    """Returns the processes that one has made, the oldest first."""
    tasks = pathlib.Path(f"/proc/{pid}/task").glob("*/children")
    return sorted(int(n) for file in tasks for n in file.read_text().split())


def workers_of(supervisor, index):
    """Finds the process of a worker by its TF_CONFIG."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
            environment = (path / "environ").read_bytes().decode()
            ours = parent == str(supervisor)
            if ours and f'"index": {index}' in environment:
                found.append(int(path.name))
    return found
