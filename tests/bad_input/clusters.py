"""Mistakes in the cluster and the devices."""

from tests.bad_input.row import DIGITS
from tests.bad_input.row import Row


def tf_config(cluster: str, work: str = "{}") -> dict[str, str]:
    return {"TF_CONFIG": f'{{"cluster": {cluster}, "task": {work}}}'}


TWO = '{"worker": ["127.0.0.1:1", "127.0.0.1:2"]}'
CLUSTERS = [
    Row(
        f"TF_CONFIG {name}",
        DIGITS,
        ("TF_CONFIG=", *words),
        environment=environment,
    )
    for name, environment, words in [
        ("torn", {"TF_CONFIG": "{"}, ("cannot be read",)),
        ("no object", {"TF_CONFIG": "[]"}, ("([] is no JSON object)",)),
        ("null", {"TF_CONFIG": "null"}, ("(None is no JSON object)",)),
        ("of a number", tf_config('{"worker": 2}'), ("cannot be read",)),
        ("of a string", tf_config('{"worker": "a:1"}'), ("list of addresses",)),
        ("with a parameter server", tf_config('{"ps": ["a:1"]}'), ("'ps'",)),
        ("without task", tf_config(TWO), ("has no task;",)),
        (
            "without an index",
            tf_config(TWO, '{"type": "worker"}'),
            ("has a task of type 'worker' without an index",),
        ),
        (
            "with an index of text",
            tf_config(TWO, '{"type": "worker", "index": "x"}'),
            ("cannot be read", "'x'"),
        ),
        (
            "with an index too many",
            tf_config(TWO, '{"type": "worker", "index": 2}'),
            ("'worker', index 2",),
        ),
        (
            "with an address twice",
            tf_config(
                '{"worker": ["a:1", "a:1"]}', '{"type": "worker", "index": 0}'
            ),
            ("names a:1 twice",),
        ),
        (
            "with an address without a port",
            tf_config(
                '{"worker": ["a:1", "b"]}', '{"type": "worker", "index": 0}'
            ),
            ("'b', which is no host:port",),
        ),
        (
            "with a task of no job",
            tf_config(TWO, '{"type": "chief", "index": 0}'),
            ("'chief', index 0",),
        ),
    ]
]
TWO_WORKERS = (
    '{"cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]},'
    ' "task": {"type": "worker", "index": 0}}'
)
DEVICES = [
    Row(
        "several workers of one",
        f"{DIGITS} --strategy=multiworker",
        ("--strategy=multiworker needs two workers or more",),
    ),
    Row(
        "one process of several workers",
        f"{DIGITS} --strategy=mirrored",
        ("--strategy=mirrored", "there are 2 workers", "--cluster=none"),
        environment={"TF_CONFIG": TWO_WORKERS},
    ),
    Row(
        "no task of Slurm",
        f"{DIGITS} --cluster=slurm",
        ("--cluster=slurm", "no task of srun", "strata launch slurm"),
    ),
    Row(
        "no pod",
        f"{DIGITS} --cluster=kubernetes",
        ("STRATA_ADDRESSES=''", "host:port"),
    ),
    Row(
        "a cluster that is none",
        f"{DIGITS} --cluster=pbs",
        ("--cluster=pbs", "slurm"),
    ),
    Row(
        "devices of several workers",
        f"{DIGITS} --devices=1",
        ("--devices=1 does not fit --strategy=multiworker",),
        environment={"TF_CONFIG": TWO_WORKERS},
    ),
    Row(
        "devices of a strategy of one",
        f"{DIGITS} --devices=2 --strategy=one_device",
        ("--devices=2 does not fit --strategy=one_device", "mirrored"),
    ),
    Row(
        "devices of no strategy",
        f"{DIGITS} --devices=2 --strategy=default",
        ("--devices=2 does not fit --strategy=default", "mirrored"),
    ),
    Row(
        "no GPU",
        f"{DIGITS} --require_gpus=1",
        ("--require_gpus=1", "sees 0", "driver", "CUDA"),
        needs_tensorflow=True,
    ),
]
