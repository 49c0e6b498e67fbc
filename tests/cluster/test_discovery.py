"""From an environment to the workers of a job."""

import json

import pytest

from trainer.cluster import discovery
from trainer.cluster.place import Cluster
from trainer.process.exits import UserError


def in_slurm(index=0, **more):
    return {
        "SLURM_JOB_ID": "7",
        "SLURM_STEP_ID": "0",
        "SLURM_STEP_NODELIST": "n[9-10]",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
        "SLURM_PROCID": str(index),
        **more,
    }


TWO = {"STRATA_ADDRESSES": "a:1,b:2"}


def environment(cluster_spec, kind, index):
    work = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster_spec, "task": work})}


WORKERS = {"worker": ["a:1", "b:1"]}
WITH_CHIEF = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}


@pytest.mark.parametrize(
    ("variables", "addresses", "index"),
    [
        ({}, (), 0),
        ({"TF_CONFIG": ""}, (), 0),
        ({"TF_CONFIG": "{}"}, (), 0),
        (environment({"worker": ["a:1"]}, "worker", 0), (), 0),
        (environment({"chief": ["a:1"]}, "chief", 0), (), 0),
        (environment(WORKERS, "worker", 0), ("a:1", "b:1"), 0),
        (environment(WORKERS, "worker", 1), ("a:1", "b:1"), 1),
        (environment(WORKERS, "worker", "1"), ("a:1", "b:1"), 1),
        (environment(WITH_CHIEF, "chief", 0), ("c:1", "a:1", "b:1"), 0),
        (environment(WITH_CHIEF, "worker", 0), ("c:1", "a:1", "b:1"), 1),
        (environment({"chief": [], **WORKERS}, "worker", 0), ("a:1", "b:1"), 0),
        (
            environment({"worker": {"1": "b:1", "0": "a:1"}}, "worker", 1),
            ("a:1", "b:1"),
            1,
        ),
        (environment({}, "worker", 0), (), 0),
        ({"TF_CONFIG": '{"cluster": null, "task": null}'}, (), 0),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}}'}, (), 0),
    ],
)
def test_who_is_in_the_job(variables, addresses, index):
    place = discovery.read(variables)
    assert (place.addresses, place.index) == (addresses, index)
    assert place.workers == max(1, len(addresses))
    assert place.is_chief == (index == 0)


# 12,000 and 16 for each job.
@pytest.mark.parametrize(
    ("layout", "addresses"),
    [
        ("block", ("n9:12112", "n9:12113", "n10:12112")),
        ("cyclic:cyclic", ("n9:12112", "n10:12112", "n9:12113")),
    ],
)
def test_each_task_of_srun_is_a_worker(layout, addresses):
    variables = in_slurm(2, SLURM_DISTRIBUTION=layout)
    source, place = discovery.find("auto", variables)
    assert (source, place.addresses, place.index) == ("slurm", addresses, 2)


def test_steps_and_jobs_have_ports_of_their_own():
    def ports(job, step):
        variables = in_slurm(SLURM_JOB_ID=job, SLURM_STEP_ID=step)
        addresses = discovery.from_slurm(variables).addresses
        return {int(address.partition(":")[2]) for address in addresses}

    seen = [ports(str(job), str(step)) for job in (1, 2, 3) for step in (0, 1)]
    assert len(set().union(*seen)) == sum(map(len, seen))
    assert max(ports("999999999", "77")) < 32768


def test_several_workers_of_a_host_know_their_number():
    place = discovery.from_slurm(in_slurm(1))
    assert place.on_host() == (1, 2)
    assert discovery.from_slurm(in_slurm(2)).on_host() == (0, 1)
    assert Cluster().on_host() == (0, 1)


@pytest.mark.parametrize("variable", ["STRATA_WORKER", "JOB_COMPLETION_INDEX"])
@pytest.mark.parametrize("source", ["auto", "kubernetes", "addresses"])
def test_a_list_of_addresses_is_read(variable, source):
    _, place = discovery.find(source, TWO | {variable: "1"})
    assert (place.addresses, place.index) == (("a:1", "b:2"), 1)


def test_auto_takes_what_is_nearest_to_the_user():
    work = {"type": "worker", "index": 1}
    tf_config = {"cluster": {"worker": ["a:1", "b:1"]}, "task": work}
    variables = in_slurm() | TWO | {"STRATA_WORKER": "0"}
    assert discovery.find("auto", variables)[0] == "kubernetes"
    variables["TF_CONFIG"] = json.dumps(tf_config)
    assert discovery.find("auto", variables)[0] == "tf_config"
    assert discovery.find("none", variables) == ("none", Cluster())
    assert discovery.find("auto", {}) == ("none", Cluster())
    alone = in_slurm(
        SLURM_STEP_NUM_TASKS="1",
        SLURM_STEP_NODELIST="n9",
        SLURM_STEP_TASKS_PER_NODE="1",
    )
    assert discovery.find("auto", alone) == ("slurm", Cluster())


def test_vertex_ais_further_keys_are_left_aside():
    """As its documentation shows them; an evaluator has no part in it."""
    told = {
        "cluster": WITH_CHIEF,
        "environment": "cloud",
        "job": {"workerPoolSpecs": [{}]},
        "task": {"type": "worker", "index": 1, "trial": "3", "cloud": "x"},
    }
    place = discovery.read({"TF_CONFIG": json.dumps(told)})
    assert (place.addresses, place.index) == (("c:1", "a:1", "b:1"), 2)
    told["cluster"] = WITH_CHIEF | {"evaluator": ["e:1"]}
    assert discovery.read({"TF_CONFIG": json.dumps(told)}) == place
    told["task"] = {"type": "evaluator", "index": 0}
    elsewhere = {"TF_CONFIG": json.dumps(told)}
    there = elsewhere | {"AIP_CHECKPOINT_DIR": "gs://b/run/checkpoints/"}
    assert discovery.read(there).is_evaluator
    with pytest.raises(UserError, match="'evaluator', and a run scores itself"):
        discovery.read(elsewhere)
    del told["cluster"]
    there["TF_CONFIG"] = json.dumps(told)
    assert discovery.read(there).is_evaluator


@pytest.mark.parametrize("has_chief", [False, True])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_tensorflow_is_told_the_same(has_chief, index):
    place = Cluster(("a:1", "b:1", "c:1"), index, has_chief)
    assert discovery.read({"TF_CONFIG": place.tf_config()}) == place


@pytest.mark.parametrize(
    ("source", "variables", "words"),
    [
        *(
            ("tf_config", environment(*given), words)
            for given, words in [
                ((WORKERS, "ps", 0), "task type 'ps'"),
                (
                    ({"worker": ["a:1"]}, "worker", 1),
                    "'worker', index 1, not of",
                ),
                (({"worker": ["a:1"]}, "chief", 0), "'chief', index 0, not of"),
                (({}, "worker", 1), "'worker', index 1, not of its cluster"),
                ((WORKERS, "worker", 0.5), "0.5 is no whole number"),
                ((WORKERS, "worker", True), "True is no whole number"),
                (
                    ({"chief": ["a:1", "b:1"]}, "chief", 1),
                    "more than one chief",
                ),
                (
                    ({"worker": {"0": "a:1", "2": "b:1"}}, "worker", 0),
                    "'worker' lacks number 1",
                ),
                (({"worker": ["::1:7", "b:1"]}, "worker", 0), "no host:port"),
            ]
        ),
        (
            "auto",
            {
                "TF_CONFIG": json.dumps(
                    {
                        "sparseCluster": {"worker": {"1": "a:1"}},
                        "task": {"type": "worker", "index": 1},
                    }
                )
            },
            "names not all workers",
        ),
        ("slurm", in_slurm(3), "SLURM_PROCID=3 does not fit"),
        ("slurm", in_slurm(1, SLURM_STEP_NUM_TASKS="1"), "SLURM_PROCID=1"),
        ("slurm", in_slurm(SLURM_STEP_NUM_TASKS="4"), "adds up to 3"),
        ("slurm", in_slurm(SLURM_STEP_NODELIST="n[1-3]"), "names 3 hosts"),
        ("slurm", {}, "no task of srun"),
        ("slurm", in_slurm(SLURM_PROCID="x"), "no task of srun"),
        ("slurm", in_slurm(SLURM_STEP_NODELIST="n["), "no task of srun"),
        ("slurm", in_slurm(SLURM_STEP_TASKS_PER_NODE="2x"), "no task of srun"),
        ("slurm", in_slurm(SLURM_DISTRIBUTION="plane=2"), "--distribution="),
        ("addresses", {}, "no host:port"),
        ("addresses", {"STRATA_ADDRESSES": "a:1,.b:1"}, "has '.b:1', which is"),
        ("kubernetes", {"STRATA_ADDRESSES": "a:1,b"}, "has 'b', which is no"),
        ("addresses", {"STRATA_ADDRESSES": "a:1,a:1"}, "an address twice"),
        ("addresses", TWO, "STRATA_WORKER='' must be a whole number below 2"),
        (
            "auto",
            TWO | {"JOB_COMPLETION_INDEX": "2"},
            "JOB_COMPLETION_INDEX='2'",
        ),
        ("auto", TWO | {"STRATA_WORKER": "-1"}, "STRATA_WORKER='-1'"),
    ],
)
def test_what_cannot_be_read_is_refused(source, variables, words):
    with pytest.raises(UserError) as refused:
        discovery.find(source, variables)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_one_that_trains_alone_beside_other_tasks_says_so(capsys):
    assert discovery.enter("auto", {"SLURM_NTASKS": "4"}) == Cluster()
    assert "one worker alone, though SLURM_NTASKS=4" in capsys.readouterr().out
    for source, variables in [("none", {"SLURM_NTASKS": "4"}), ("auto", {})]:
        discovery.enter(source, variables)
        assert not capsys.readouterr().out


def test_an_address_of_ipv6_stands_in_brackets():
    hosts = {"worker": ["[::1]:7", "[fe80::1]:7"]}
    place = discovery.read(environment(hosts, "worker", 1))
    assert place.on_host() == (0, 1)
    assert place.addresses == ("[::1]:7", "[fe80::1]:7")
