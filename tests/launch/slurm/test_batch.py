"""What follows each end of a job, in its allocation."""

import json
import os
import pathlib
import signal
from typing import Any

import pytest

from tests import processes
from trainer.launch.command_line import trainer_flags
from trainer.launch.slurm import __main__ as slurm
from trainer.launch.slurm import array
from trainer.launch.slurm import batch as slurm_batch
from trainer.storage import json_files
from trainer.storage.names import local_folder

TRAINER = ["--config=digits", "--workdir=run"]
# Stands in for Slurm: srun acts a line of plan.txt a time, "SRUN_CODE CHIEF
# STEP": the chief's own code or -, the checkpoint that it leaves behind or -.
SRUN = """\
read -r code chief step < plan.txt || exit 99
echo "$STRATA_JOB_SECRET" >> secrets
echo "$@" >> words
sed -i 1d plan.txt
echo x >> run/starts
[ "$step" = - ] || mkdir -p "run/checkpoints/step_$(printf %08d "$step")"
number=$(wc -l < run/starts)
[ "$chief" = - ] && chief=null
echo "{\\"attempt\\": $number, \\"exit_code\\": $chief}" > run/attempt.json
exit "$code"
"""
SCONTROL = 'echo "$@" >> requeued'
SQUEUE = "cat state"
# Of which the first two are lost, and the next two reach nobody.
SCANCEL = """\
#!/bin/bash
echo "$@" >> told
[ $(wc -l < told) -ge 5 ] && touch left
[ $(wc -l < told) -ge 3 ]
"""


@pytest.fixture
def batch(tmp_path, monkeypatch):
    """Runs a plan in an allocation; returns (exit code, starts, requeues)."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "state").write_text("RUNNING\n")
    texts = {
        "srun": SRUN,
        "scontrol": SCONTROL,
        "squeue": SQUEUE,
        "scancel": "",
    }
    for name, text in texts.items():
        (tools / name).write_text(f"#!/bin/bash\n{text}\n")
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "5")
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slurm_batch, "TICK_SECS", 0.01)
    monkeypatch.setattr(slurm_batch, "REQUEUE_SECS", 0.0)
    monkeypatch.setattr(slurm_batch, "TRY_AGAIN_SECS", 0.0)
    monkeypatch.setattr(slurm_batch.signal, "signal", lambda *_: None)
    # The delays, not the times.
    monkeypatch.setattr(
        slurm_batch.Allocation, "_wait", lambda self, restart: False
    )

    def run(*plan, flags=("--requeue",), trainer=TRAINER):
        (tmp_path / "plan.txt").write_text("".join(f"{p}\n" for p in plan))
        code = slurm_batch.main([*flags, "--", *trainer])
        starts, requeued = tmp_path / "run/starts", tmp_path / "requeued"
        count = len(starts.read_text().split()) if starts.exists() else 0
        asked = requeued.read_text().split("\n") if requeued.exists() else []
        return code, count, len(asked[:-1])

    return run


def read_state():
    return json_files.read(pathlib.Path("run/slurm.json"), Any).value


def write_state(stored):
    text = json.dumps(json_files.sealed(stored))
    pathlib.Path("run/slurm.json").write_text(text)


@pytest.mark.parametrize("code", [0, 2, 3, 43])
def test_a_final_code_is_passed_on(batch, code):
    assert batch(f"{code} {code} -") == (code, 1, 0)


def test_a_mistake_found_before_the_workdir_counts_by_sruns_code(batch):
    assert batch("2 - -") == (2, 1, 0)


@pytest.mark.parametrize("highest", [42, 75, 137])
def test_the_chiefs_word_stands_before_sruns(batch, highest):
    assert batch(f"{highest} 42 10") == (42, 1, 1)
    assert read_state() == {
        "job": "5",
        "step": 10,
        "failures": 0,
        "is_running": False,
    }


def test_a_chief_that_is_done_is_enough(batch):
    assert batch("137 0 9") == (0, 1, 0)


def test_an_end_that_the_bucket_may_lack_is_none(batch, tmp_path, monkeypatch):
    """The copy has the chief's word before the last of it is copied."""
    monkeypatch.setenv("STRATA_STAGING_DIR", str(tmp_path / "staging"))
    name = "gs://bucket/run"
    copy = local_folder(name)
    copy.parent.mkdir(parents=True)
    copy.symlink_to(tmp_path / "run")
    trainer = ["--config=digits", f"--workdir={name}"]
    plan = ["75 0 9", "137 42 9", "0 0 9"]
    assert batch(*plan, trainer=trainer) == (0, 3, 0)


def test_a_flags_value_may_be_a_word_of_its_own(batch, capsys):
    """The chief's last words and the newest step are the trainer's."""
    plan = [f"75 75 {step}" for step in (1, 2, 3)]
    trainer = ["--config", "digits", "--workdir", "run"]
    flags = ("--max_restarts=1",)
    assert batch(*plan, "137 0 4", flags=flags, trainer=trainer) == (0, 4, 0)
    assert slurm.main(["--dry_run", "--", *trainer]) == 0
    assert "--job-name=strata-digits\n" in capsys.readouterr().out


def test_without_requeue_a_stopped_job_ends(batch):
    assert batch("42 42 10", flags=()) == (42, 1, 0)


def test_the_end_is_told_once_and_not_where_the_job_goes_on(batch, tmp_path):
    path = tmp_path / "told"
    tell = f'echo "$STRATA_EVENT_STATUS" >> {path}'
    trainer = [*TRAINER, "--on_end", tell]
    assert batch("75 75 1", "42 42 2", trainer=trainer) == (42, 2, 1)
    assert not path.exists()
    plan = "75 75 3", "0 0 4"
    assert batch(*plan, trainer=trainer) == (0, 4, 1)
    assert path.read_text() == "done\n"
    # It cannot be queued again.
    pathlib.Path("state").write_text("CANCELLED\n")
    assert batch("42 42 5", trainer=trainer) == (42, 5, 1)
    assert path.read_text() == "done\nstopped\n"
    assert "on_end" not in pathlib.Path("words").read_text()


def test_each_step_has_a_secret_of_its_own(batch):
    batch("75 75 1", "0 0 2")
    told = pathlib.Path("secrets").read_text().split()
    assert [len(secret) for secret in told] == [64, 64]
    assert len(set(told)) == 2


def test_a_cancelled_job_does_not_come_back(batch):
    pathlib.Path("state").write_text("CANCELLED\n")
    assert batch("42 42 10") == (42, 1, 0)


@pytest.mark.parametrize("tool", ["squeue", "scontrol"])
def test_a_controller_that_is_away_for_a_moment_is_asked_again(
    batch, tmp_path, tool
):
    path = tmp_path / "bin" / tool
    text = path.read_text().removeprefix("#!/bin/bash\n")
    once = "[ -e away ] || { touch away; exit 1; }\n"
    path.write_text(f"#!/bin/bash\n{once}{text}")
    assert batch("42 42 10") == (42, 1, 1)


def test_a_controller_that_never_answers_is_not_waited_for(
    batch, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(slurm_batch, "ASK_SECS", 0.05)
    (tmp_path / "bin/squeue").write_text("#!/bin/sh\nsleep 600\n")
    assert batch("42 42 10") == (42, 1, 0)
    told = "not queued again: squeue did not answer in 0.05 s"
    assert told in capfd.readouterr().out


def test_failures_with_progress_go_on(batch):
    plan = [f"75 75 {step}" for step in range(1, 16)]
    assert batch(*plan, "0 0 20", flags=("--max_restarts=2",)) == (0, 16, 0)


@pytest.mark.parametrize(("srun_code", "code"), [(75, 75), (137, 1), (1, 1)])
def test_failures_without_progress_end(batch, srun_code, code):
    plan = [f"{srun_code} - -"] * 9
    assert batch(*plan, flags=("--max_restarts=2",)) == (code, 3, 0)


def test_fifteen_requeues_with_progress(batch):
    for count in range(1, 16):
        assert batch(f"42 42 {count}") == (42, count, count)
    assert batch("0 0 99") == (0, 16, 15)


def test_stops_without_progress_are_not_queued_again_for_ever(batch, capfd):
    flags = ("--max_restarts=2", "--requeue")
    for count in (1, 2):
        assert batch("42 42 -", flags=flags) == (42, count, count)
    assert batch("42 42 -", flags=flags) == (42, 3, 2)
    assert "not queued again: 3 stops in a row" in capfd.readouterr().out
    # What is submitted again counts anew with its first newer checkpoint.
    assert batch("42 42 9", flags=flags) == (42, 4, 3)


def test_a_stop_without_a_checkpoint_says_so(batch, monkeypatch, capfd):
    def told(arguments, signals, number):
        signals.add(signal.SIGTERM)
        return 75

    monkeypatch.setattr(slurm_batch, "run_step", told)
    assert batch() == (75, 0, 1)
    words = "told to leave, but the workers ended with 75; the"
    assert words in capfd.readouterr().out


def test_workers_are_told_to_leave_until_they_do(batch, tmp_path, monkeypatch):
    """The controller is away at first, and then there is no step yet."""
    tools = tmp_path / "bin"
    (tools / "scancel").write_text(SCANCEL)
    waits = "for i in {1..600}; do [ -e left ] && break; sleep 0.05; done\n"
    text = (tools / "srun").read_text()
    (tools / "srun").write_text(text.replace("read -r", f"{waits}read -r", 1))
    run_step = slurm_batch.run_step

    def told(arguments, signals, number):
        signals.add(signal.SIGTERM)
        return run_step(arguments, signals, number)

    monkeypatch.setattr(slurm_batch, "run_step", told)
    assert batch("42 42 10") == (42, 1, 1)
    heard = pathlib.Path("told").read_text().splitlines()
    assert len(heard) >= 5
    assert set(heard) == {"--signal=TERM 5"}


def test_starts_that_were_cut_off_count_without_progress(batch):
    """The node was lost, and this process with it."""

    def cut_off():
        write_state(read_state() | {"is_running": True})

    flags = ("--max_restarts=2", "--requeue")
    assert batch("42 42 -", flags=flags) == (42, 1, 1)
    cut_off()
    assert batch("42 42 -", flags=flags) == (42, 2, 1)
    cut_off()
    assert batch("0 0 1", flags=flags) == (75, 2, 1)


def test_another_jobs_count_is_not_taken_up(batch):
    stored = {"job": "4", "step": 0, "failures": 9, "is_running": True}
    write_state(stored)
    assert batch("0 0 1", flags=("--max_restarts=2",)) == (0, 1, 0)


@pytest.mark.parametrize(
    "text",
    [
        b"\xff{}",
        b'{"job": "5", "step": "9", "failures": 0, "is_running": true}',
        b'{"job": "5"}',
        b"[" * 10**5,
    ],
)
def test_a_damaged_count_is_told_and_begun_anew(batch, text, capsys):
    pathlib.Path("run/slurm.json").write_bytes(text)
    assert batch("0 0 1") == (0, 1, 0)
    assert "slurm.json is passed over: " in capsys.readouterr().out


def test_a_chiefs_word_that_was_altered_is_told_and_not_believed(
    tmp_path, capsys
):
    (tmp_path / "attempt.json").write_text('{"attempt": [], "exit_code": "0"}')
    assert slurm_batch.last_attempt(tmp_path) == {}
    assert "attempt.json is passed over: " in capsys.readouterr().out


def test_a_task_of_an_array_asks_for_itself_alone(batch, monkeypatch):
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "5")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    assert batch("42 - 10") == (42, 1, 1)
    assert pathlib.Path("requeued").read_text() == "requeue 5_3\n"


def test_tasks_of_an_array_have_a_workdir_each():
    environment = {"SLURM_ARRAY_TASK_ID": "3"}

    def workdir_of(*words):
        own = array.own_arguments(["--config=a/b.py", *words], environment)
        return own, trainer_flags(own).run_workdir

    assert workdir_of()[1] == "runs/b/task_3"
    assert workdir_of("--workdir", "x/")[1] == "x/task_3"
    assert workdir_of("--workdir=gs://bucket/x")[1] == "gs://bucket/x/task_3"
    own, workdir = workdir_of("--workdir=x_%a", "--config.seed=%a")
    assert workdir == "x_3"
    assert own[1:] == ["--workdir=x_3", "--config.seed=3"]
    assert array.own_arguments(TRAINER, {}) == TRAINER


def test_a_job_that_was_queued_by_an_earlier_version_finds_it():
    command = processes.start_python("-m", "launch.slurm_batch", "--help")
    told, _ = command.communicate(60)
    assert command.returncode == 0
    assert "--requeue" in told
