"""TPU slices of one host, by the names that Google's Kubernetes has for them.

From "Plan TPUs in GKE", its rows of single-host slices:
cloud.google.com/kubernetes-engine/docs/concepts/plan-tpus
"""

import difflib

from launch.kubernetes_request import Slice
from trainer.process.exits import UserError

# Chips by topology.
_FLAT = {"1x1": 1, "2x2": 4, "2x4": 8}
_CUBE = {"2x2x1": 4}
CHIPS = {
    "tpu-v4-podslice": _CUBE,
    "tpu-v5-lite-podslice": _FLAT,
    "tpu-v5p-slice": _CUBE,
    "tpu-v6e-slice": _FLAT,
}


def slice_of(accelerator: str | None, topology: str | None) -> Slice | None:
    """Returns the slice that two flags name, or None where both are absent.

    Raises:
      UserError: one is absent, or they name none of one host.
    """
    if accelerator is None and topology is None:
        return None
    if accelerator not in CHIPS:
        near = difflib.get_close_matches(accelerator or "", CHIPS, n=1)
        remedy = f"did you mean {near[0]}?" if near else "name one"
        raise UserError(
            f"--tpu_accelerator={accelerator} is none of {', '.join(CHIPS)};"
            f" {remedy}"
        )
    if topology not in CHIPS[accelerator]:
        raise UserError(
            f"--tpu_topology={topology} is no slice of one host of"
            f" {accelerator}; those are {', '.join(CHIPS[accelerator])}, and on"
            " Kubernetes nothing runs TensorFlow's servers on further hosts"
        )
    return Slice(accelerator, topology, CHIPS[accelerator][topology])
