"""Kubernetes manifests against the published schemas, and hostile flags."""

import copy
import io
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import time

import hypothesis
import kubernetes_validate
import pytest
import yaml
from hypothesis import strategies
from kubeflow_trainer_api.models import JobsetV1alpha2JobSet

from launch.kubernetes import __main__ as kubernetes
from launch.kubernetes.manifest import objects
from launch.kubernetes.manifest import to_yaml
from launch.kubernetes.request import Request
from tests.processes import ROOT

LATEST = str(kubernetes_validate.latest_version())
# The first version in which pod failure policies are there for good.
OLDEST = "1.31"
DIGEST = "sha256:" + "0" * 64
FLAGS = {
    "--name": "mnist",
    "--nodes": "4",
    "--image": f"registry.example:5000/team/strata:1.0@{DIGEST}",
    "--volume": "results:/shared",
}
TRAINER = ("--config=mnist", "--workdir=/shared/runs/mnist")
TPU = {
    "--nodes": "1",
    "--tpu_accelerator": "tpu-v5-lite-podslice",
    "--tpu_topology": "2x4",
}


def command(flags=(), trainer=TRAINER, switches=()):
    """Words after `strata launch kubernetes`; None leaves a flag out."""
    named = FLAGS | dict(flags)
    words = [f"{k}={v}" for k, v in named.items() if v is not None]
    return [*words, *switches, "--", *trainer]


@pytest.fixture
def printed(capsys):
    """Returns the documents that a command prints, read back."""

    def run(flags=(), trainer=TRAINER):
        assert kubernetes.main(command(flags, trainer)) == 0
        return list(yaml.safe_load_all(capsys.readouterr().out))

    return run


def validate(document):
    for version in (OLDEST, LATEST):
        kubernetes_validate.validate(document, version, strict=True)


def validate_job_set(document):
    """The models drop what they do not know, so what comes back is compared."""
    model = JobsetV1alpha2JobSet.from_dict(copy.deepcopy(document))
    assert model.to_dict() == document
    (job,) = document["spec"]["replicatedJobs"]
    validate({**job["template"], "apiVersion": "batch/v1", "kind": "Job"})


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"--nodes": "1"},
        {"--gpus": "8", "--cpu": "0.5", "--memory": "64Gi"},
        {"--namespace": "team-a", "--queue": "gpus", "--max_hours": "1.5"},
    ],
)
def test_service_and_job_are_of_the_published_schemas(printed, flags):
    documents = printed(flags)
    assert [d["kind"] for d in documents] == ["Service", "Job"]
    for document in documents:
        validate(document)


@pytest.mark.parametrize("queue", [None, "tpus"])
def test_a_job_set_is_of_the_published_schema(printed, queue):
    (document,) = printed({**TPU, "--queue": queue})
    assert document["kind"] == "JobSet"
    validate_job_set(document)


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        (["spec"], "backoffLimit", "backOffLimit"),
        (["spec", "template", "spec"], "restartPolicy", "restartpolicy"),
        (
            ["spec", "template", "spec", "containers", 0, "resources"],
            "limits",
            "limit",
        ),
        (["spec", "podFailurePolicy"], "rules", "rule"),
    ],
)
def test_a_misspelt_field_of_a_job_is_found(printed, path, right, wrong):
    job = printed()[1]
    inner = job
    for step in path:
        inner = inner[step]
    inner[wrong] = inner.pop(right)
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(job)


def test_a_misspelt_field_of_a_job_set_is_found(printed):
    (document,) = printed(TPU)
    document["spec"]["failurePolicys"] = document["spec"].pop("failurePolicy")
    with pytest.raises(AssertionError):
        validate_job_set(document)


def test_the_documented_command_prints_a_manifest(capsys):
    page = pathlib.Path(ROOT, "docs", "launch", "kubernetes.md").read_text()
    written = re.search(r"```sh\n(strata launch .*?)```", page, re.DOTALL)[1]
    named = written.replace("sha256:DIGEST", DIGEST).replace("REGISTRY", "r.io")
    words = shlex.split(named.replace("\\\n", ""))
    assert words[:3] == ["strata", "launch", "kubernetes"]
    assert kubernetes.main(words[3:]) == 0
    for document in yaml.safe_load_all(capsys.readouterr().out):
        validate(document)


def container_of(job):
    (container,) = job["spec"]["template"]["spec"]["containers"]
    return container


def test_what_a_job_holds(printed):
    service, job = printed({"--max_restarts": "3", "--queue": "q"})
    spec = job["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"] == 4
    assert spec["backoffLimit"] == 3 * 4
    assert "backoffLimitPerIndex" not in spec
    assert spec["activeDeadlineSeconds"] == 24 * 3600
    rules = spec["podFailurePolicy"]["rules"]
    found = [
        (rule["action"], rule.get("onExitCodes", {}).get("values"))
        for rule in rules
    ]
    assert found == [
        ("FailJob", [2, 3, 43]),
        ("Ignore", [42]),
        ("Ignore", None),
    ]
    assert rules[2]["onPodConditions"][0]["type"] == "DisruptionTarget"
    pod = spec["template"]["spec"]
    assert pod["restartPolicy"] == "Never"
    assert pod["terminationGracePeriodSeconds"] >= 120
    assert pod["securityContext"]["runAsNonRoot"] is True
    labels = job["metadata"]["labels"]
    assert labels["app.kubernetes.io/instance"] == "mnist"
    assert labels["kueue.x-k8s.io/queue-name"] == "q"
    # The service finds the pods, and gives each the name that peers call.
    selector = service["spec"]["selector"].items()
    assert selector <= spec["template"]["metadata"]["labels"].items()
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["publishNotReadyAddresses"] is True
    container = container_of(job)
    assert {e["name"]: e["value"] for e in container["env"]} == {
        "STRATA_ADDRESSES": "mnist-0.mnist:2222,mnist-1.mnist:2222,"
        "mnist-2.mnist:2222,mnist-3.mnist:2222"
    }
    assert container["command"] == ["python", "-m", "launch.local"]
    assert container["args"] == [
        "--max_restarts=3",
        "--",
        "--join_secs=900",
        *TRAINER,
    ]


def test_a_flags_value_may_be_a_word_of_its_own(printed):
    trainer = ("--config", "mnist", "--workdir", "/shared/runs/mnist")
    job = printed({}, trainer)[1]
    assert container_of(job)["args"][-4:] == list(trainer)


def test_gpus_that_are_paid_for_must_be_seen(printed):
    container = container_of(printed({"--gpus": "8"})[1])
    assert "--require_gpus=8" in container["args"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 8
    assert container["volumeMounts"][1]["mountPath"] == "/dev/shm"


def test_one_node_has_no_peers(printed):
    container = container_of(printed({"--nodes": "1"})[1])
    assert "env" not in container
    assert not any("join_secs" in each for each in container["args"])


def test_a_bucket_needs_no_volume(printed):
    trainer = ("--config=mnist", "--workdir=gs://bucket/runs/mnist")
    job = printed({"--volume": None}, trainer)[1]
    assert "volumes" not in job["spec"]["template"]["spec"]


def expanded(text, variables):
    """Does what Kubernetes does to a container's args.

    k8s.io/kubernetes/third_party/forked/golang/expansion: $$ is $, and $(NAME)
    the variable's value where there is one.
    """
    done, i = "", 0
    while i < len(text):
        after = text[i + 1 : i + 2]
        if text[i] != "$" or not after:
            done, i = done + text[i], i + 1
        elif after == "$":
            done, i = done + "$", i + 2
        elif after == "(" and ")" in text[i:]:
            end = text.index(")", i)
            name = text[i + 2 : end]
            done += variables.get(name, text[i : end + 1])
            i = end + 1
        else:
            done, i = done + text[i : i + 2], i + 2
    return done


def test_expansion_does_what_kubernetes_says():
    text = "$(A) $$(A) $$$(A) $(B) $A $ $$ $("
    assert expanded(text, {"A": "x"}) == "x $(A) $x $(B) $A $ $ $("


NASTY = strategies.one_of(
    strategies.text(alphabet="$(A)"),
    strategies.text(
        strategies.characters(exclude_characters="\0", codec="utf-8")
    ),
    strategies.text(alphabet="$(){}'\"`\\ \n\t#:-&*!|>%@,[]~=1e3ynNo"),
    strategies.sampled_from(
        ["yes", "on", "y", "null", "~", "1e3", "0o7", "1_000", "12:30", "", "-"]
    ),
)


@hypothesis.given(strategies.lists(NASTY, max_size=4))
def test_arguments_arrive_as_they_are(texts):
    request = Request(
        name="a",
        nodes=2,
        image="i",
        arguments=tuple(texts),
        max_restarts=1,
        max_secs=1,
        cpu="1",
        memory="1Gi",
    )
    _, job = yaml.safe_load_all(to_yaml(objects(request)))
    variables = {"STRATA_ADDRESSES": "x", "HOME": "/", "": "", "A": "y"}
    arrived = [expanded(a, variables) for a in container_of(job)["args"]]
    assert arrived == ["--max_restarts=1", "--", "--join_secs=900", *texts]


@pytest.mark.parametrize("text", ["y", "1e3", "12:30", "0o7", "é", "a\u2028b"])
def test_what_readers_of_yaml_differ_in_is_quoted(text):
    assert to_yaml([{"key": text}]).startswith('key: "')
    assert to_yaml([{"key": text}]).isascii()


BAD = [
    ({"--name": "MNIST"}, "--name='MNIST' must be 53 or fewer of a-z"),
    ({"--name": "1mnist"}, "begin with a letter"),
    ({"--name": "mnist-"}, "not end with -"),
    ({"--name": "a" * 60}, "must be 53 or fewer"),
    ({"--name": "a" * 52, "--nodes": "1000"}, "must be 51 or fewer"),
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


def assert_one_line(captured, told):
    assert captured.out == ""
    assert captured.err.startswith("strata: ")
    assert captured.err.count("\n") == 1
    assert told in captured.err


@pytest.mark.parametrize(("flags", "told"), BAD)
def test_a_mistake_is_one_line(capsys, flags, told):
    assert kubernetes.main(command(flags)) == 2
    assert_one_line(capsys.readouterr(), told)


@pytest.mark.parametrize(
    ("trainer", "told"),
    [
        ((), "--config is missing"),
        ((*TRAINER, "--plan=x"), "flag 'plan'"),
        (("--config", "a", "--workdir", "/x"), "--workdir=/x must be within"),
        (("--config=mnist",), "--workdir=runs/mnist must be within /shared"),
        (("--config=a", "--workdir=/shared/../x"), "must be within /shared"),
        (("--config=a", "--workdir=/sharedx"), "must be within /shared"),
        ((*TRAINER, "--data_dir=\udcff"), "is no UTF-8"),
    ],
)
def test_a_trainers_argument_that_cannot_be_meant(capsys, trainer, told):
    assert kubernetes.main(command(trainer=trainer)) == 2
    assert_one_line(capsys.readouterr(), told)


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
heavy = {"keras", "ml_collections", "numpy", "tensorflow"} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""


@pytest.mark.parametrize("flags", [{}, TPU])
@pytest.mark.parametrize(
    "switches", [(), ("--dry_run",), ("--apply", "--dry_run")]
)
def test_a_dry_run_touches_nothing_within_a_second(tmp_path, flags, switches):
    words = ["launch", "kubernetes", *command(flags, switches=switches)]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-B", "-c", AUDITED, *words],
        cwd=tmp_path,
        env={"PATH": "/nowhere", "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert time.monotonic() - began < 1.0
    assert (done.returncode, done.stderr) == (0, "")
    kinds = [d["kind"] for d in yaml.safe_load_all(done.stdout)]
    assert kinds == (["JobSet"] if flags else ["Service", "Job"])
    assert not os.listdir(tmp_path)


def test_an_image_without_a_digest_is_remarked_on_stderr(capsys):
    assert kubernetes.main(command({"--image": "strata:1"})) == 0
    captured = capsys.readouterr()
    assert "has no @sha256: digest" in captured.err
    assert captured.out.startswith("apiVersion: ")


# Notes its words and what it is given, and ends as the plan says.
KUBECTL = """\
#!{python}
import json, pathlib, sys
folder = pathlib.Path({folder!r})
calls = folder / "calls.jsonl"
text = "" if sys.argv[1] == "config" else sys.stdin.read()
with calls.open("a") as out:
    out.write(json.dumps([sys.argv[1:], text]) + "\\n")
code, said = json.loads((folder / "plan.json").read_text())[
    len(calls.read_text().splitlines()) - 1
]
print(said, file=sys.stderr if code else sys.stdout)
sys.exit(code)
"""


@pytest.fixture
def kubectl(tmp_path, monkeypatch):
    """Puts a stand-in on the PATH; returns its calls after a plan."""
    program = tmp_path / "bin" / "kubectl"
    program.parent.mkdir()
    program.write_text(
        KUBECTL.format(python=sys.executable, folder=str(tmp_path))
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))

    def run(plan, *switches, flags=()):
        (tmp_path / "plan.json").write_text(json.dumps(plan))
        words = command(flags, switches=["--apply", *switches])
        code = kubernetes.main(words)
        calls = tmp_path / "calls.jsonl"
        lines = calls.read_text().splitlines() if calls.exists() else []
        return code, [json.loads(line) for line in lines]

    return run


FINE = [[0, "my-cluster"], [0, ""], [0, ""]]
REMOVE = (
    "kubectl delete job,service --namespace=team -l"
    " app.kubernetes.io/instance=mnist"
)


def test_apply_creates_what_is_printed_once_the_cluster_agreed(kubectl, capsys):
    code, calls = kubectl(FINE, "--yes", flags={"--namespace": "team"})
    captured = capsys.readouterr()
    assert code == 0
    create = ["create", "--validate=strict", "--filename=-"]
    assert [words for words, _ in calls] == [
        ["config", "current-context"],
        [*create, "--dry-run=server"],
        create,
    ]
    for part in ("4 pod(s)", "my-cluster", "namespace team", "at most 24 h"):
        assert part in captured.err
    assert f"remove:  {REMOVE}\n" in captured.out
    kubernetes.main(command({"--namespace": "team"}))
    assert calls[1][1] == calls[2][1] == capsys.readouterr().out


@pytest.mark.parametrize(("answer", "made"), [("y\n", 3), ("\n", 1), ("", 1)])
def test_apply_asks(kubectl, capsys, monkeypatch, answer, made):
    monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    code, calls = kubectl(FINE)
    assert (code, len(calls)) == (0 if made == 3 else 1, made)
    assert ("nothing was created" in capsys.readouterr().err) == (made == 1)


def test_apply_needs_someone_to_ask(kubectl, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    code, calls = kubectl(FINE)
    assert (code, len(calls)) == (2, 1)
    assert "add --yes" in capsys.readouterr().err


def test_a_refusal_before_anything_is_made(kubectl, capsys):
    refusal = 'jobs.batch "mnist"\nalready exists'
    code, calls = kubectl([FINE[0], [1, refusal]], "--yes")
    assert (code, len(calls)) == (1, 2)
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        'strata: nothing was created; kubectl: jobs.batch "mnist" already'
        " exists"
    )


def test_a_failure_in_the_middle_names_the_removal(kubectl, capsys):
    plan = [*FINE[:2], [1, "connection lost"]]
    code, _ = kubectl(plan, "--yes", flags={"--namespace": "team"})
    assert code == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith(
        f"connection lost; remove what was created by: {REMOVE}"
    )


def test_an_interruption_names_the_removal(kubectl, capsys, monkeypatch):
    real = subprocess.run

    def run(words, **more):
        if words[1] == "create" and "--dry-run=server" not in words:
            raise KeyboardInterrupt
        return real(words, **more)

    monkeypatch.setattr(subprocess, "run", run)
    assert kubectl(FINE, "--yes", flags={"--namespace": "team"})[0] == 1
    told = capsys.readouterr().err.splitlines()[-1]
    assert told == (
        f"strata: interrupted; remove what was created by: {REMOVE}"
    )


def test_no_cluster_and_no_kubectl_are_mistakes(kubectl, capsys, monkeypatch):
    assert kubectl([[1, "current-context is not set"]], "--yes")[0] == 2
    assert_one_line(capsys.readouterr(), "current-context is not set")
    monkeypatch.setenv("PATH", "/nowhere")
    assert kubectl([], "--yes")[0] == 2
    assert_one_line(capsys.readouterr(), "--apply needs kubectl")


def test_yes_alone_is_a_mistake(capsys):
    assert kubernetes.main(command(switches=["--yes"])) == 2
    assert_one_line(capsys.readouterr(), "add --apply")
