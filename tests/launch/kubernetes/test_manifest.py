"""Kubernetes manifests against the published schemas, and hostile words."""

import copy
import pathlib
import re
import shlex

import hypothesis
import kubernetes_validate
import pytest
import yaml
from hypothesis import strategies
from kubeflow_trainer_api.models import JobsetV1alpha2JobSet

from tests.launch.kubernetes.example import container_of
from tests.launch.kubernetes.example import DIGEST
from tests.launch.kubernetes.example import expanded
from tests.launch.kubernetes.example import TPU
from tests.launch.kubernetes.example import TRAINER
from tests.launch.kubernetes.schemas import validate
from tests.processes import ROOT
from trainer.flags import joined
from trainer.launch.kubernetes import __main__ as kubernetes
from trainer.launch.kubernetes.manifest import objects
from trainer.launch.kubernetes.manifest import to_yaml
from trainer.launch.kubernetes.request import Request


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
    assert [d["kind"] for d in documents] == ["NetworkPolicy", "Service", "Job"]
    for document in documents:
        validate(document)


@pytest.mark.parametrize("queue", [None, "tpus"])
def test_a_job_set_is_of_the_published_schema(printed, queue):
    policy, document = printed({**TPU, "--queue": queue})
    validate(policy)
    assert document["kind"] == "JobSet"
    validate_job_set(document)


def test_a_job_set_runs_workers_too(printed):
    """Its pods have names of its own, by which the workers meet."""
    flags = {"--kind": "jobset", "--queue": "gpus", "--priority": "high"}
    policy, document = printed(flags)
    validate(policy)
    validate_job_set(document)
    labels = document["metadata"]["labels"]
    assert labels["kueue.x-k8s.io/queue-name"] == "gpus"
    assert labels["kueue.x-k8s.io/priority-class"] == "high"
    (replicated,) = document["spec"]["replicatedJobs"]
    job = replicated["template"]
    environment = {e["name"]: e.get("value") for e in container_of(job)["env"]}
    first, *_ = environment["STRATA_ADDRESSES"].split(",")
    assert first == "mnist-worker-0-0.mnist:2222"
    assert document["spec"]["network"]["publishNotReadyAddresses"]
    # All else is what an Indexed Job holds.
    plain = printed({"--queue": "gpus"})[-1]["spec"]
    del plain["template"]["spec"]["subdomain"]
    del plain["ttlSecondsAfterFinished"]
    container_of({"spec": plain})["env"] = container_of(job)["env"]
    assert job["spec"] == plain


@pytest.mark.parametrize("flags", [{}, {"--kind": "jobset"}, TPU])
def test_nothing_but_its_own_folders_can_be_written(printed, flags):
    document = printed(flags)[-1]
    if document["kind"] == "JobSet":
        document = document["spec"]["replicatedJobs"][0]["template"]
    container = container_of(document)
    assert container["securityContext"]["readOnlyRootFilesystem"]
    mounts = {m["mountPath"] for m in container["volumeMounts"]}
    home = "/root" if flags is TPU else "/home/strata"
    assert mounts == {"/tmp", home, "/shared"}


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
    job = printed()[-1]
    inner = job
    for step in path:
        inner = inner[step]
    inner[wrong] = inner.pop(right)
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(job)


def test_none_but_a_jobs_own_pods_reach_them(printed):
    policy, _, job = printed()
    own = policy["spec"]["podSelector"]
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    assert policy["spec"]["ingress"] == [{"from": [{"podSelector": own}]}]
    pods = job["spec"]["template"]["metadata"]["labels"].items()
    assert own["matchLabels"].items() <= pods
    assert own["matchLabels"]["app.kubernetes.io/instance"] == "mnist"
    # A worker alone, and a TPU's, is reached by nobody.
    for flags in ({"--nodes": "1"}, TPU):
        assert "ingress" not in printed(flags)[0]["spec"]


def test_a_misspelt_field_of_a_job_set_is_found(printed):
    document = printed(TPU)[-1]
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


def test_what_a_job_holds(printed):
    _, service, job = printed({"--max_restarts": "3", "--queue": "q"})
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
        ("FailJob", [2, 3, 43, 130]),
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
    addresses, secret = container["env"]
    assert addresses == {
        "name": "STRATA_ADDRESSES",
        "value": "mnist-0.mnist:2222,mnist-1.mnist:2222,"
        "mnist-2.mnist:2222,mnist-3.mnist:2222",
    }
    # The Job's uid: nobody chooses it, and its namespace alone sees it.
    path = "metadata.labels['batch.kubernetes.io/controller-uid']"
    source = {"fieldRef": {"fieldPath": path}}
    assert secret == {"name": "STRATA_JOB_SECRET", "valueFrom": source}
    assert container["command"] == ["python", "-m", "trainer.launch.local"]
    assert container["args"] == [
        "--max_restarts=3",
        "--",
        "--join_secs=900",
        *TRAINER,
    ]


def test_a_flags_value_may_be_a_word_of_its_own(printed):
    trainer = ("--config", "mnist", "--workdir", "/shared/runs/mnist")
    job = printed({}, trainer)[-1]
    assert container_of(job)["args"][-2:] == joined([*trainer])


def test_gpus_that_are_paid_for_must_be_seen(printed):
    container = container_of(printed({"--gpus": "8"})[-1])
    assert "--require_gpus=8" in container["args"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 8
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert "/dev/shm" in mounts


def test_one_node_has_no_peers(printed):
    container = container_of(printed({"--nodes": "1"})[-1])
    assert "env" not in container
    assert not any("join_secs" in each for each in container["args"])


def test_a_bucket_needs_no_volume(printed):
    trainer = ("--config=mnist", "--workdir=gs://bucket/runs/mnist")
    job = printed({"--volume": None}, trainer)[-1]
    volumes = job["spec"]["template"]["spec"]["volumes"]
    assert [v["name"] for v in volumes] == ["tmp", "home"]


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
    *_, job = yaml.safe_load_all(to_yaml(objects(request)))
    variables = {"STRATA_ADDRESSES": "x", "HOME": "/", "": "", "A": "y"}
    arrived = [expanded(a, variables) for a in container_of(job)["args"]]
    assert arrived == ["--max_restarts=1", "--", "--join_secs=900", *texts]


@pytest.mark.parametrize("text", ["y", "1e3", "12:30", "0o7", "é", "a\u2028b"])
def test_what_readers_of_yaml_differ_in_is_quoted(text):
    assert to_yaml([{"key": text}]).startswith('key: "')
    assert to_yaml([{"key": text}]).isascii()


def test_a_tpus_pod_may_lock_memory_and_no_other_pod_may(printed):
    """By root with one capability more, as Google's guide has it."""
    _, document = printed(TPU)
    (slice_job,) = document["spec"]["replicatedJobs"]
    spec = slice_job["template"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["command"][:3] == [
        *("sh", "-c", 'ulimit -l unlimited && exec "$@"')
    ]
    added = container["securityContext"]["capabilities"]["add"]
    assert "SYS_RESOURCE" in added
    assert spec["securityContext"]["runAsUser"] == 0
    pod = printed({"--gpus": "1"})[-1]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    (own,) = pod["containers"]
    assert own["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert own["command"][0] == "python"
