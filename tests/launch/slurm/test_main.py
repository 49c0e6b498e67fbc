"""`strata launch slurm`: its script, and its mistakes."""

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import HealthCheck
from hypothesis import settings
from hypothesis import strategies as st

from tests.launch.watched import run_watched
from tests.launch.words import as_flags
from tests.launch.words import WORDS
from trainer.flags import joined
from trainer.launch.slurm import __main__ as slurm

TRAINER = ["--config=digits", "--workdir=run"]


def show(capsys, *argv):
    code = slurm.main([*argv, "--dry_run", "--", *TRAINER])
    return code, capsys.readouterr()


def test_the_script_says_what_is_asked(capsys):
    code, shown = show(
        capsys,
        *("--nodes=2", "--gpus_per_node=4", "--workers_per_node=2"),
        *("--time=4:00:00", "--partition=gpu", "--memory=16G", "--requeue"),
        "--option=--constraint=a100",
    )
    assert code == 0
    assert shown.err.startswith("makes: a job ")
    lines = shown.out.splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert [x.split()[1] for x in lines if x.startswith("#SBATCH")] == [
        "--job-name=strata-digits",
        "--output=strata-digits-%j.log",
        "--open-mode=append",
        "--nodes=2",
        "--ntasks-per-node=2",
        "--gpus-per-node=4",
        "--mem=16G",
        "--time=4:00:00",
        "--partition=gpu",
        "--signal=B:TERM@120",
        "--requeue",
        "--constraint=a100",
    ]
    words = shlex.split(shown.out.replace("\\\n", ""), comments=True)
    assert words[2:] == [
        "exec",
        sys.executable,
        "-m",
        "trainer.launch.slurm.batch",
        "--max_restarts=10",
        "--requeue",
        "--",
        *TRAINER,
        "--require_gpus=4",
    ]


@pytest.mark.parametrize(("fewest", "told"), [("1", "1-3"), ("3", "3")])
def test_a_job_may_start_on_fewer_nodes(capsys, fewest, told):
    code, shown = show(capsys, "--nodes=3", f"--min_nodes={fewest}")
    assert code == 0
    assert f"#SBATCH --nodes={told}\n" in shown.out
    assert f" of {told} node(s)" in shown.err
    # With it Slurm would take the fewest at once.
    assert ("--ntasks-per-node" in shown.out) == (told == "3")


@pytest.mark.parametrize(
    ("option", "gpus"),
    [
        ("--gpus-per-node=2", "2"),
        ("--gpus-per-node=a100:4", "4"),
        ("--gpus-per-task=1", "1"),
        ("--gres=gpu:8", "8"),
        ("--gres=gpu:h100:2,shard:1", "2"),
        ("--gres=gpu", "1"),
        ("--gres=gpu:h100", "1"),
        ("--gres=license:2", None),
        ("--constraint=a100", None),
    ],
)
def test_gpus_that_an_option_asks_for_must_be_seen(option, gpus, capsys):
    """Never on the CPU of a node that was asked for its GPUs."""
    assert slurm.main([f"--option={option}", "--dry_run", "--", *TRAINER]) == 0
    shown = capsys.readouterr().out
    wanted = f"--require_gpus={gpus}" if gpus else None
    found = [w for w in shown.split() if w.startswith("--require_gpus")]
    assert found == ([wanted] if wanted else [])


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(words=st.lists(WORDS, max_size=3))
def test_the_trainers_arguments_arrive_intact(words, capsys):
    arguments = [*TRAINER, *as_flags(words)]
    assert slurm.main(["--dry_run", "--", *arguments]) == 0
    text = capsys.readouterr().out.replace(
        f"exec {shlex.quote(sys.executable)}", "printf '%s\\0'"
    )
    done = subprocess.run(["bash"], input=text.encode(), capture_output=True)
    assert done.stdout.decode().split("\0")[4:-1] == joined(arguments)


@pytest.mark.parametrize(
    ("flag", "words"),
    [
        ("--nodes=0", "must be a whole number of 1 or more"),
        ("--min_nodes=2", "--min_nodes=2 must not exceed --nodes=1"),
        ("--nodes=two", "must be a whole number of 1 or more"),
        ("--node=2", "did you mean --nodes?"),
        ("--workers_per_node=0", "must be a whole number of 1 or more"),
        ("--gpus_per_node=-1", "must be a whole number of 1 or more"),
        ("--cpus_per_worker=x", "must be a whole number of 1 or more"),
        ("--time=soon", "--time='soon' must be minutes"),
        ("--time=1:2:3:4", "must be minutes"),
        ("--memory=lots", "--memory='lots' must be"),
        ("--partition=a b", "--partition='a b' must be names"),
        ("--partition=", "--partition='' must be names"),
        ("--account=a;b", "--account='a;b' must be letters"),
        ("--qos=$(x)", "--qos='$(x)' must be letters"),
        ("--name=a/b", "--name='a/b' must be letters"),
        ("--name=a%j", "--name='a%j' must be letters"),
        ("--option=constraint", "must be an option of sbatch"),
        ("--option=--comment=a b", "must be an option of sbatch"),
        ("--stop_secs=0", "must be a whole number of 1 or more"),
        ("--max_restarts=-1", "must be a whole number of 0 or more"),
    ],
)
def test_a_mistake_is_one_line(flag, words, capsys):
    code, shown = show(capsys, flag)
    assert code == 2
    assert not shown.out
    assert words in shown.err
    assert shown.err.count("\n") == 1


def test_tasks_of_an_array_have_a_log_each(capsys):
    _, shown = show(capsys, "--option=--array=0-4")
    assert "#SBATCH --output=strata-digits-%A_%a.log\n" in shown.out


def test_an_unknown_flag_of_the_trainer_is_a_mistake(capsys):
    assert slurm.main(["--dry_run", "--", *TRAINER, "--plan=x"]) == 2
    shown = capsys.readouterr()
    assert not shown.out
    assert "--plan is not a flag" in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("several", ["--nodes=2", "--workers_per_node=2"])
def test_workers_that_would_not_meet_are_a_mistake(several, capsys):
    apart = "--cluster=none"
    assert slurm.main([several, "--dry_run", "--", *TRAINER, apart]) == 2
    told = "--cluster=none would have each of 2 workers train alone"
    assert told in capsys.readouterr().err
    assert slurm.main(["--dry_run", "--", *TRAINER, apart]) == 0


def test_gpus_that_cannot_be_shared_out_are_a_mistake(capsys):
    code, shown = show(capsys, "--gpus_per_node=3", "--workers_per_node=2")
    assert code == 2
    assert "cannot be shared out evenly" in shown.err


def test_without_sbatch_a_job_cannot_be_submitted(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert slurm.main(["--", *TRAINER]) == 2
    assert "sbatch is not on this machine" in capsys.readouterr().err


STOP = ["scancel --batch --signal=TERM 4711"]
BY_FILE = ["touch run/STOP", *STOP]
ARRAY = "--option=--array=2-3"


@pytest.mark.parametrize(
    ("words", "log", "stops"),
    [
        ([], "4711", STOP),
        (["--requeue"], "4711", BY_FILE),
        ([ARRAY], "4711_2", STOP),
        ([ARRAY, "--requeue"], "4711_2", ["touch run/task_2/STOP", *STOP]),
    ],
)
def test_a_job_that_was_submitted_is_followed_by_its_number(
    words, log, stops, tmp_path, capsys, monkeypatch
):
    """The signal ends none that is queued again."""
    tool = tmp_path / "sbatch"
    tool.write_text("#!/bin/sh\necho '4711;cluster'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm.main([*words, "--", *TRAINER]) == 0
    told, *lines = capsys.readouterr().out.splitlines()
    assert told == "job 4711, strata-digits, is submitted; workdir run"
    assert [line.strip().split("  ")[0] for line in lines] == [
        "squeue --jobs=4711",
        f"tail -F strata-digits-{log}.log",
        *stops,
        "scancel 4711",
    ]
    (told,) = [line for line in lines if line.endswith("with a checkpoint")]
    assert stops[0] in told


def test_what_sbatch_says_is_told(tmp_path, capsys, monkeypatch):
    tool = tmp_path / "sbatch"
    tool.write_text("#!/bin/sh\necho 'invalid partition' >&2\nexit 1\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm.main(["--", *TRAINER]) == 2
    assert "sbatch refused the job: invalid part" in capsys.readouterr().err


def test_a_dry_run_makes_no_process_and_no_connection():
    words = ("--dry_run", "--", "--config=mnist")
    shown = run_watched("trainer.launch.slurm.__main__", *words)
    assert shown.err.startswith("makes: a job ")
    assert shown.out.startswith("#!/usr/bin/env bash\n")
