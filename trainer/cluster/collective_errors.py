"""What TensorFlow says where a collective operation fails, for people."""

import re

from trainer.cluster.place import Cluster

# What the error says, and where its advice begins.
_CAUSE = re.compile(
    r"aborted by:(.*?)(?:Additional GRPC|The tasks have crashed|The error could"
    r"|\Z)",
    re.DOTALL,
)
_TASK = re.compile(r"/job:(chief|worker)/(?:replica:0/)?task:(\d+)")


def explain(message: str, place: Cluster) -> str:
    """Returns what an error says of a failed peer, in a line.

    Args:
      message: of an error of the ring of workers, whose stack and advice fill
        pages.
      place: that knows the workers' names.
    """

    def name_of(task: re.Match) -> str:
        job, index = task[1], int(task[2])
        return place.name_of(index + (job == "worker" and place.has_chief_task))

    found = _CAUSE.search(message)
    cause = " ".join((found[1] if found else message).split())[:300]
    named = _TASK.sub(name_of, cause)
    peers = sorted(set(map(name_of, _TASK.finditer(message))))
    if named == cause and peers:
        return f"{', '.join(peers)}: {cause}"
    return named
