"""`strata launch kubernetes`: its mistakes, and what it leaves alone."""

import os
import subprocess
import sys

import pytest
import yaml

from tests.launch.kubernetes.example import assert_one_line
from tests.launch.kubernetes.example import command
from tests.launch.kubernetes.example import TPU
from tests.launch.kubernetes.example import TRAINER
from tests.processes import ROOT
from trainer.launch.kubernetes import __main__ as kubernetes

BAD = [
    ({"--name": "MNIST"}, "--name='MNIST' must be 52 or fewer of a-z"),
    ({"--name": "1mnist"}, "begin with a letter"),
    ({"--name": "mnist-"}, "not end with -"),
    ({"--name": "a" * 60}, "must be 52 or fewer"),
    ({"--name": "a" * 52, "--nodes": "1000"}, "must be 50 or fewer"),
    ({"--name": None}, "--name"),
    ({"--nodes": "0"}, "'0' must be a whole number of 1 or more"),
    ({"--nodes": "two"}, "'two' must be a whole number"),
    ({"--nodes": "1001"}, "--nodes=1001 must be 1000 or fewer"),
    ({"--gpus": "-1"}, "'-1' must be a whole number"),
    ({"--gpu": "1"}, "did you mean --gpus?"),
    ({"--image": "Strata:1"}, "--image='Strata:1' must be [HOST/]NAME"),
    ({"--image": "strata:a b"}, "must be [HOST/]NAME"),
    ({"--image": "strata@sha256:12"}, "must be [HOST/]NAME"),
    ({"--image": None}, "--image"),
    ({"--volume": None}, "--volume=CLAIM:PATH is missing"),
    ({"--volume": "results"}, "PATH a whole path"),
    ({"--volume": "results:shared"}, "PATH a whole path"),
    ({"--volume": "results:/"}, "PATH a whole path"),
    ({"--volume": "results:/a/../b"}, "PATH a whole path"),
    ({"--volume": "Results:/shared"}, "CLAIM the name of a"),
    ({"--volume": "results:/etc/x"}, "would hide a folder of the image"),
    ({"--volume": "results:/home"}, "must not hold /home/strata"),
    ({"--volume": "results:/home/strata"}, "must not hold /home/strata"),
    ({"--volume": "results:/tmp"}, "must not hold /tmp, which goes with"),
    ({**TPU, "--volume": "results:/root"}, "must not hold /root, which goes"),
    ({"--volume": "results:/else"}, "must be within /else"),
    ({"--namespace": "Team A"}, "--namespace='Team A' must be 63 or fewer"),
    ({"--queue": "-q"}, "--queue='-q' must be 63 or fewer"),
    ({"--cpu": "0"}, "--cpu='0' must be cores"),
    ({"--cpu": "two"}, "--cpu='two' must be cores"),
    ({"--memory": "4GB"}, "did you mean 4G?"),
    ({"--memory": "4gi"}, "did you mean 4Gi?"),
    ({"--memory": "4"}, "--memory=4 must be 1Gi or more"),
    ({"--memory": "lots"}, "did you mean 4Gi?"),
    ({"--max_hours": "0"}, "--max_hours=0.0 must be from 0.1"),
    ({"--max_hours": "nan"}, "--max_hours=nan must be from 0.1"),
    ({"--max_hours": "9999"}, "must be from 0.1 to 8760"),
    ({"--max_restarts": "-1"}, "'-1' must be a whole number of 0 or more"),
    ({**TPU, "--tpu_accelerator": "tpu-v6-slice"}, "did you mean tpu-v6e-sl"),
    ({**TPU, "--tpu_accelerator": None}, "--tpu_accelerator=None is none of"),
    ({**TPU, "--tpu_topology": "4x4"}, "is no slice of one host"),
    ({**TPU, "--tpu_topology": None}, "those are 1x1, 2x2, 2x4"),
    ({**TPU, "--nodes": "2"}, "leave --nodes and --gpus out"),
    ({**TPU, "--gpus": "1"}, "leave --nodes and --gpus out"),
]


@pytest.mark.parametrize(("flags", "told"), BAD)
def test_a_mistake_is_one_line(capsys, flags, told):
    assert kubernetes.main(command(flags)) == 2
    assert_one_line(capsys.readouterr(), told)


@pytest.mark.parametrize(
    ("trainer", "told"),
    [
        ((), "--config is missing"),
        ((*TRAINER, "--plan=x"), "--plan is not a flag"),
        ((*TRAINER, "--cluster=none"), "have each of 4 workers train alone"),
        (
            ("--config", "mnist", "--workdir", "/x"),
            "--workdir=/x must be within",
        ),
        (("--config=mnist",), "--workdir=runs/mnist must be within /shared"),
        (
            ("--config=mnist", "--workdir=/shared/../x"),
            "must be within /shared",
        ),
        (("--config=mnist", "--workdir=/sharedx"), "must be within /shared"),
        ((*TRAINER, "--data_dir=\udcff"), "is no UTF-8"),
    ],
)
def test_a_trainers_argument_that_cannot_be_meant(capsys, trainer, told):
    assert kubernetes.main(command(trainer=trainer)) == 2
    assert_one_line(capsys.readouterr(), told)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({"--priority": "high"}, "add --queue=NAME"),
        ({**TPU, "--kind": "job"}, "leave --kind out"),
        ({"--kind": "pod"}, "invalid choice: 'pod'"),
    ],
)
def test_what_does_not_fit_is_refused(flags, words, capsys):
    assert kubernetes.main(command(flags)) == 2
    assert_one_line(capsys.readouterr(), words)


AUDITED = """
import sys
made = []
def hear(event, arguments):
    if event.split(".")[0] in ("socket", "subprocess", "pty") or event in (
        "os.fork", "os.exec", "os.posix_spawn", "os.spawn", "os.system",
        "os.mkdir", "os.rename", "os.remove"
    ) or event == "open" and arguments[1] and set(arguments[1]) & set("wax+"):
        made.append(event)
sys.addaudithook(hear)
from trainer.__main__ import main
code = main(sys.argv[1:])
assert not made, made
heavy = {"keras", "numpy", "tensorflow"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.mark.parametrize("flags", [{}, TPU])
@pytest.mark.parametrize(
    "switches", [(), ("--dry_run",), ("--apply", "--dry_run")]
)
def test_a_dry_run_touches_nothing_and_imports_nothing_heavy(
    tmp_path, flags, switches
):
    words = ["launch", "kubernetes", *command(flags, switches=switches)]
    done = subprocess.run(
        [sys.executable, "-B", "-c", AUDITED, *words],
        cwd=tmp_path,
        env={"PATH": "/nowhere", "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("makes: NetworkPolicy and ")
    assert "kubectl delete " in done.stderr
    kinds = [d["kind"] for d in yaml.safe_load_all(done.stdout)]
    assert kinds == (
        ["NetworkPolicy", *(["JobSet"] if flags else ["Service", "Job"])]
    )
    assert not os.listdir(tmp_path)


def test_an_image_without_a_digest_is_remarked_on_stderr(capsys):
    assert kubernetes.main(command({"--image": "strata:1"})) == 0
    captured = capsys.readouterr()
    assert "has no @sha256: digest" in captured.err
    assert captured.out.startswith("apiVersion: ")
