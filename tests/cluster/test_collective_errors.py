"""What TensorFlow says of a failed peer, as people read it."""

import pytest

from trainer.cluster.collective_errors import explain
from trainer.cluster.place import Cluster

WORKERS = Cluster(("a:1", "b:1"))
WITH_CHIEF = Cluster(("c:1", "a:1", "b:1"), 1, has_chief_task=True)
KILLED = """Graph execution error:

Detected at node while/CollectiveReduceV2 defined at (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main

Collective ops is aborted by: Socket closed
Additional GRPC error information from remote target \
/job:worker/replica:0/task:0 while calling /tensorflow.WorkerService/RecvBuf:
:UNKNOWN:Error received from peer  {grpc_message:"Socket closed"}
The error could be from a previous operation. Restart your program to reset."""
SILENT = """Collective ops is aborted by: \
The following tasks are unhealthy (stopped sending heartbeats):
/job:worker/replica:0/task:1
The tasks have crashed. Check the task logs for an earlier error."""


@pytest.mark.parametrize(
    ("message", "place", "told"),
    [
        (KILLED, WORKERS, "worker 0 (a:1): Socket closed"),
        (KILLED, WITH_CHIEF, "worker 1 (a:1): Socket closed"),
        (
            SILENT,
            WORKERS,
            "The following tasks are unhealthy (stopped sending heartbeats):"
            " worker 1 (b:1)",
        ),
        ("Deadline\n  Exceeded", WORKERS, "Deadline Exceeded"),
    ],
)
def test_what_tensorflow_says_of_a_peer_is_told_in_a_line(message, place, told):
    assert explain(message, place) == told
