"""What Slurm and Kubernetes are handed, and what is refused."""

import subprocess

import pytest
import yaml

from tests.launch.kubernetes.schemas import validate
from tests.verbs import strata
from trainer.launch.sweep import __main__ as sweep
from trainer.launch.sweep import elsewhere

SWEEP = ("sweep", "--config=digits", "--parallel=3", "--dry_run")
SHARED = "--workdir=/shared/runs/sweep"
POD = "--launcher_flags=--image=strata:1 --volume=claim:/shared"


def test_slurm_is_handed_an_array_of_tasks(tmp_path):
    code, out, err = strata(
        *SWEEP,
        "--launcher=slurm",
        "--launcher_flags=--time=60 --option=--constraint=a100",
        "--seeds=2",
        "--trials=7",
        "--config.epochs=3",
        f"--workdir={tmp_path / 'sweep'}",
    )
    assert (code, err) == (0, "")
    for line in ("array=0-2", "time=60", "constraint=a100", "requeue"):
        assert f"#SBATCH --{line}\n" in out
    assert subprocess.run(["bash", "-n"], input=out, text=True).returncode == 0
    words = [w.strip(" \\") for w in out.partition("exec ")[2].splitlines()]
    assert "trainer.launch.sweep.slurm" in words
    own = words[words.index("--") + 1 :]
    assert own[:2] == ["--config=digits", "--config.epochs=3"]
    assert {"--seeds=2", "--trials=7"} <= set(own)
    assert not any("parallel" in w or "launcher" in w for w in own)
    assert not (tmp_path / "sweep").exists()


def test_a_dry_run_of_the_launcher_is_one_of_the_sweep(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, out, err = strata(
        *("sweep", "--config=digits", "--launcher=slurm"),
        "--launcher_flags=--dry_run",
        f"--workdir={tmp_path / 'sweep'}",
    )
    assert (code, err) == (0, "")
    assert "#SBATCH --array=0-0\n" in out
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    ("words", "variables", "stays"),
    [
        ((), {}, False),
        ((), {"SLURM_ARRAY_TASK_ID": "1"}, True),
        (("--launcher=slurm",), {"SLURM_ARRAY_TASK_ID": "1"}, False),
        (("--dry_run",), {}, True),
        (("--launcher=slurm", "--dry_run"), {}, True),
    ],
)
def test_a_stop_is_forgotten_by_all_but_tasks(
    words, variables, stays, tmp_path, monkeypatch
):
    """Whoever waits in the queue is to find it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sweep, "_run", lambda *_: 0)
    monkeypatch.setattr(elsewhere, "submit", lambda _: "1200")
    (tmp_path / "STOP").touch()
    code, _, err = strata(
        "sweep", "--config=digits", *words, f"--workdir={tmp_path}"
    )
    assert (code, err) == (0, "")
    assert (tmp_path / "STOP").exists() == stays


def test_an_array_is_stopped_by_the_workdir_of_all(tmp_path, monkeypatch):
    """The signal has its tasks wait again."""
    monkeypatch.setattr(elsewhere, "submit", lambda _: "1200")
    code, out, _ = strata(
        *("sweep", "--config=digits", "--launcher=slurm"),
        f"--workdir={tmp_path}",
    )
    assert code == 0
    assert f"  touch {tmp_path}/STOP  " in out
    assert "-1200_0.log  " in out


def test_a_launchers_mistake_leaves_no_workdir(tmp_path):
    code, out, err = strata(
        *("sweep", "--config=digits", "--launcher=slurm"),
        "--launcher_flags=--nodes=2",
        f"--workdir={tmp_path / 'sweep'}",
    )
    assert (code, out) == (2, "")
    assert "--nodes" in err
    assert not (tmp_path / "sweep").exists()


@pytest.mark.parametrize(
    "flags",
    [
        "",
        "--gpus=2 --cpu=0.5 --memory=64Gi",
        "--namespace=team-a --queue=gpus --priority=high --max_hours=1.5",
    ],
)
def test_its_objects_are_of_the_published_schemas(flags):
    code, out, err = strata(
        *SWEEP,
        "--launcher=kubernetes",
        f"{POD} {flags}",
        *("--seeds=2", "--refit", SHARED),
    )
    assert (code, err) == (0, "")
    documents = list(yaml.safe_load_all(out))
    assert [d["kind"] for d in documents] == ["NetworkPolicy", "Job"]
    for document in documents:
        validate(document)
    assert documents[1]["spec"]["completionMode"] == "Indexed"


def test_kubernetes_is_handed_an_indexed_job():
    code, out, err = strata(
        *SWEEP,
        "--launcher=kubernetes",
        f"{POD} --gpus=1 --name=tune",
        "--workdir=/shared/runs/$(A)",
    )
    assert (code, err) == (0, "")
    policy, job = yaml.safe_load_all(out)
    assert policy["kind"] == "NetworkPolicy"
    spec = job["spec"]
    assert (spec["completions"], spec["parallelism"]) == (3, 3)
    (container,) = spec["template"]["spec"]["containers"]
    assert container["command"] == ["python", "-m", "trainer", "sweep"]
    assert "--workdir=/shared/runs/$$(A)" in container["args"]
    assert "--require_gpus=1" in container["args"]
    assert job["metadata"]["name"] == "tune"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--launcher=slurm", "--launcher_flags=--tim=3"), "--time"),
        (("--launcher=slurm", "--launcher_flags=--nodes=2"), "--nodes"),
        (("--launcher=slurm", "--launcher_flags=-- a"), "no flag of the"),
        (("--launcher=slurm", "--launcher_flags='a"), "No closing quotation"),
        (("--launcher=kubernetes", "--launcher_flags='a"), "No closing"),
        (("--launcher=kubernetes",), "--image"),
        (("--launcher=kubernetes", f"{POD} --nodes=2"), "--nodes"),
        (("--launcher=kubernetes", f"{POD} --kind=jobset", SHARED), "a JobSet"),
        (("--launcher=kubernetes", POD), "must be within /shared"),
        (("--launcher=slrum",), "invalid choice"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    code, out, err = strata(*SWEEP, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_dry_run_shows_the_space_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = strata(*SWEEP, "--folds=2", "--trials=5")
    assert (code, err) == (0, "")
    assert "5, 3 at a time" in out
    assert "1 to 3 layers of 16 to 512 units" in out
    assert "fold_0, fold_1" in out
    assert "--config.evaluation.test_at_end=False" in out
    assert not list(tmp_path.iterdir())
