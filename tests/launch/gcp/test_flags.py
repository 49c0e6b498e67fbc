"""Flags of `strata launch gcp gpu` and `tpu`: what is refused."""

import pytest

from tests.launch.gcp.example import GPU
from tests.launch.gcp.example import show
from tests.launch.gcp.example import TPU
from tests.launch.gcp.example import TRAINER
from tests.launch.gcp.example import VERTEX
from tests.processes import ROOT


def replaced(words, **given):
    """Returns flags with some of them replaced, or added."""
    left = [w for w in words if w.partition("=")[0][2:] not in given]
    return [*left, *(f"--{k}={v}" for k, v in given.items() if v is not None)]


@pytest.mark.parametrize(
    ("kind", "given", "words"),
    [
        (GPU, {"name": None}, "--name"),
        (GPU, {"zone": None}, "--zone"),
        (GPU, {"bucket": None}, "--bucket"),
        (GPU, {"machine_type": None}, "--machine_type"),
        (GPU, {"name": ""}, "--name='' must be 50 or fewer"),
        (GPU, {"name": "Mnist"}, "--name='Mnist' must be"),
        (GPU, {"name": "1st"}, "begin with a letter"),
        (GPU, {"name": "a-"}, "not end with -"),
        (GPU, {"name": "a_b"}, "--name='a_b' must be"),
        (GPU, {"name": "a" * 51}, "must be 50 or fewer"),
        (GPU, {"name": "$(x)"}, "--name='$(x)' must be"),
        (GPU, {"zone": "nowhere-z"}, "must be a zone such as us-central1-a"),
        (GPU, {"zone": "us-central1"}, "must be a zone such as us-central1-a"),
        (GPU, {"zone": "us-central1-a,us-east1-b"}, "must be one zone"),
        (GPU, {"zones": "us-central1-b,"}, "--zones='us-central1-b,' has ''"),
        (GPU, {"machine_type": "e2-medium"}, "has no GPU and takes none"),
        (GPU, {"machine_type": "n2-standard-8"}, "has no GPU and takes none"),
        (GPU, {"machine_type": "n1-standard-8"}, "has no GPU by itself"),
        (GPU, {"accelerator": "nvidia-l4"}, "leave --accelerator out"),
        (
            GPU,
            {"machine_type": "n1-standard-8", "accelerator": "two T4"},
            "--accelerator='two T4' must be TYPE or type=TYPE,count=N",
        ),
        (
            GPU,
            {
                "machine_type": "n1-standard-8",
                "accelerator": "type=nvidia-tesla-t4,count=0",
            },
            "must be TYPE or type=TYPE,count=N",
        ),
        (GPU, {"num_vms": "0"}, "must be a whole number of 1 or more"),
        (GPU, {"num_vms": "65"}, "--num_vms=65 must be 64 or fewer"),
        (GPU, {"num_vms": "two"}, "must be a whole number of 1 or more"),
        (GPU, {"num_vm": "2"}, "did you mean --num_vms?"),
        (GPU, {"disk_gb": "10"}, "--disk_gb=10 must be from 50"),
        (GPU, {"bucket": "mine"}, "--bucket='mine' must be gs://BUCKET"),
        (GPU, {"bucket": "gs://Mine"}, "the bucket in small letters"),
        (GPU, {"bucket": "gs://mine/../x"}, "--bucket="),
        (GPU, {"max_hours": "0"}, "--max_hours=0 must be from 0.1 to 168"),
        (GPU, {"max_hours": "nan"}, "--max_hours=nan must be"),
        (GPU, {"max_hours": "1e9"}, "must be from 0.1 to 168"),
        (GPU, {"max_restarts": "-1"}, "must be a whole number of 0 or more"),
        (GPU, {"project": "P"}, "--project='P' must be"),
        (GPU, {"network": "a b"}, "--network='a b' must be"),
        (GPU, {"subnet": "a b"}, "--subnet='a b' must be"),
        (GPU, {"network_tag": "A"}, "--network_tag='A' must be"),
        (GPU, {"service_account": "me"}, "must be a service account's address"),
        (GPU, {"accelerator_type": "v2-8"}, "is not a flag of"),
        (TPU, {"accelerator_type": "v5e-7"}, "'v5e-7' is none of v2-8, v3-8"),
        (TPU, {"accelerator_type": "v5litepod-9"}, "did you mean v5litepod-"),
        (TPU, {"accelerator_type": "v5litepod-16"}, "several hosts are"),
        (
            TPU,
            {"accelerator_type": "v4-32"},
            "crash or hang in its last",
        ),
        (TPU, {"runtime_version": "nonsense"}, "'nonsense' is none of"),
        (
            TPU,
            {"runtime_version": "v2-alpha-tpuv5-light"},
            "did you mean v2-alpha-tpuv5-lite?",
        ),
        (
            TPU,
            {"runtime_version": "tpu-ubuntu2204-base"},
            "is not for --accelerator_type=v5litepod-8",
        ),
        (
            TPU,
            {"runtime_version": "tpu-vm-tf-2.18.0-pjrt"},
            "brings a TensorFlow of its own",
        ),
        (TPU, {"wait_hours": "0"}, "--wait_hours=0 must be"),
        (TPU, {"machine_type": "a"}, "is not a flag of"),
    ],
)
def test_a_mistake_is_one_line(kind, given, words, capsys):
    code, shown = show(capsys, replaced(kind, **given))
    assert code == 2
    assert not shown.out
    assert words in shown.err
    assert shown.err.count("\n") == 1


def test_a_detached_spot_job_of_several_machines_is_refused(capsys):
    """Nothing would make its chief again, and its peers would wait, paid."""
    words = [*GPU, "--detach", "--spot", "--num_vms=2"]
    code, shown = show(capsys, words)
    assert code == 2
    assert "leave --detach or --spot out" in shown.err


@pytest.mark.parametrize(
    ("trainer", "words"),
    [
        ((), "--config is missing"),
        (("--config=mnist", "--plan=x"), "--plan is not a flag"),
        (("--config=mnist", "--workdir=runs/x"), "must be --workdir=gs://..."),
        (("--config=mnist", "--workdir", "runs/x"), "must be --workdir=gs://"),
        (("--config=mnist", "--data_dir=/data"), "must be --data_dir=gs://"),
        (("--config=mnist", "--data_dir=gs://"), "must be gs://BUCKET"),
        (("--config=mnist", "--workdir=gs://mine"), "must be gs://BUCKET/PATH"),
        (("--config=mnist", "--init_from=runs/x"), "must be --init_from=gs://"),
    ],
)
def test_folders_of_this_machine_are_refused(trainer, words, capsys):
    code, shown = show(capsys, GPU, trainer)
    assert code == 2
    assert words in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("kind", "cluster", "variable"),
    [
        ((*GPU, "--num_vms=2"), "tf_config", "STRATA_ADDRESSES names"),
        ((*GPU, "--num_vms=2"), "addresses", None),
        (GPU, "none", None),
        ((*VERTEX, "--replicas=2"), "addresses", "TF_CONFIG names"),
        ((*VERTEX, "--replicas=2"), "tf_config", None),
    ],
)
def test_machines_would_look_for_one_another_where_they_are_told(
    kind, cluster, variable, capsys
):
    code, shown = show(capsys, kind, (*TRAINER, f"--cluster={cluster}"))
    assert code == (0 if variable is None else 2)
    if variable is not None:
        assert f"--cluster={cluster} would have each of 2" in shown.err
        assert variable in shown.err


def test_a_workdir_of_ones_own_is_kept(capsys):
    trainer = ("--config=mnist", "--workdir=gs://other/runs/7")
    code, shown = show(capsys, GPU, trainer)
    assert code == 0
    assert '"workdir": "gs://other/runs/7"' in shown.out
    assert '"--workdir=gs://other/runs/7"' in shown.out


def test_a_flags_value_may_be_a_word_of_its_own(capsys):
    joined = (
        "--config=mnist",
        "--data_dir=gs://mine/b",
        "--workdir=gs://mine/7",
    )
    apart = [part for word in joined for part in word.split("=")]
    shown = [show(capsys, GPU, words) for words in (joined, apart)]
    assert shown[0] == shown[1]
    assert shown[0][0] == 0
    assert '"workdir": "gs://mine/7"' in shown[0][1].out


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (GPU, "configs/digits.py"),
        (TPU, "configs/digits.py"),
        (VERTEX, "digits"),
    ],
)
def test_a_configs_file_is_named_as_the_job_finds_it(
    kind, told, capsys, monkeypatch
):
    """Not as this machine's folder does, nor as that which is worked in."""
    monkeypatch.chdir(f"{ROOT}/configs")
    for word in ("--config=digits.py", f"--config={ROOT}/configs/digits.py"):
        code, shown = show(capsys, kind, (word, "--config.epochs=3"))
        assert code == 0, shown.err
        assert f'"--config={told}", "--config.epochs=3"' in shown.out
