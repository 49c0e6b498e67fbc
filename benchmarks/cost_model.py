"""What a step of data-parallel training costs: arithmetic, ring, input, loss.

Pure functions. A step is computed on each replica's share of the rows, then the
gradient is summed over a ring, then each replica updates its own weights; none
of it overlaps in Strata, whose one all-reduce follows the whole backward pass.
"""

import itertools
import math
from typing import NamedTuple

from benchmarks.hardware import DEVICE_HOURS_PER_FAILURE
from benchmarks.hardware import Hardware

FLOAT_BYTES = 4
# Below it, replicas are held to be badly used.
GOOD_EFFICIENCY = 0.8
# Of the peak, that products of these sizes reach at the most: an assumption.
PRODUCTS_SHARE = 0.5
# Rows at which a device's products reach half of that: an assumption.
HALF_SPEED_ROWS = 256
# Arrays of the size of the weights that an update reads and writes (gradient
# read; two moments and weights both read and written), as Adam has it.
UPDATE_ARRAYS = 7
# Spread of a replica's step, as a share of it: an assumption.
STEP_DEVIATION = 0.02
# Rows a second that a core gathers: half of what two cores of an AMD EPYC did,
# 6,400 rows of 784 bytes in 2 ms. More cores do more, up to what a host's
# memory moves: an assumption.
CORE_ROWS_PER_SEC = 1.5e6
HOST_BYTES_PER_SEC = 100e9
# Measured on the same: a checkpoint of the course recipe holds training up by
# so much, and a start takes this long (docs/reliability.md).
CHECKPOINT_SECS = 0.03
RESTART_SECS = 60.0


class Network(NamedTuple):
    """An MLP."""

    features: int
    hidden_units: tuple[int, ...]
    outputs: int

    @property
    def kernels(self) -> list[int]:
        """Returns each layer's products of one row, first to last."""
        widths = [self.features, *self.hidden_units, self.outputs]
        return [a * b for a, b in itertools.pairwise(widths)]

    @property
    def weights(self) -> int:
        """Returns how many weights there are, biases included."""
        return sum(self.kernels) + sum(self.hidden_units) + self.outputs

    @property
    def flops_per_row(self) -> int:
        """Returns operations of a row's step: 6 a weight, 4 in the first layer.

        Forward, and backward for kernel and input; the data needs no gradient.
        """
        return 6 * sum(self.kernels) - 2 * self.kernels[0]


def ring_bytes(gradient_bytes: float, replicas: int) -> float:
    """Returns what each replica sends in a ring all-reduce.

    2 (n - 1) / n of the gradient: Patarasuk & Yuan 2009, equation 2.
    """
    return 2 * (replicas - 1) / replicas * gradient_bytes


def ring_secs(
    gradient_bytes: float,
    replicas: int,
    bytes_per_sec: float,
    hop_secs: float,
) -> float:
    """Returns seconds of a ring all-reduce: bytes, and 2 (n - 1) hops."""
    hops = 2 * (replicas - 1)
    return (
        ring_bytes(gradient_bytes, replicas) / bytes_per_sec + hops * hop_secs
    )


def reduce_secs(
    gradient_bytes: float, replicas: int, hardware: Hardware
) -> float:
    """Returns seconds of an all-reduce: in each group, then between groups.

    Within a group each device ends with its share of the sum, which is then
    summed over the groups by a ring of its own (Jia et al. 2018, section 3).
    """
    group = min(replicas, hardware.group)
    groups = -(-replicas // hardware.group)
    inside, outside = hardware.hop_secs
    return ring_secs(
        gradient_bytes, group, hardware.inside_bytes_per_sec, inside
    ) + ring_secs(
        gradient_bytes / group, groups, hardware.outside_bytes_per_sec, outside
    )


def compute_secs(
    network: Network, rows: float, hardware: Hardware, precision: str
) -> float:
    """Returns seconds of a replica's forward and backward pass, and update."""
    share = PRODUCTS_SHARE * rows / (rows + HALF_SPEED_ROWS)
    speed = hardware.flops_per_sec[precision] * share
    moved = UPDATE_ARRAYS * FLOAT_BYTES * network.weights
    return (
        rows * network.flops_per_row / speed
        + moved / hardware.memory_bytes_per_sec
    )


def straggling(replicas: int) -> float:
    """Returns how much longer the slowest of n replicas takes than the mean.

    The greatest of n normal values: about sqrt(2 ln n) deviations.
    """
    return 1 + STEP_DEVIATION * math.sqrt(2 * math.log(replicas))


class Step(NamedTuple):
    """Seconds of a step, by what they go to."""

    compute_secs: float
    reduce_secs: float
    input_secs: float
    fixed_secs: float

    @property
    def secs(self) -> float:
        """Returns the whole; input is prepared while devices work."""
        working = self.compute_secs + self.reduce_secs + self.fixed_secs
        return max(working, self.input_secs)


def step_of(
    network: Network,
    global_batch_size: int,
    replicas: int,
    hardware: Hardware,
    precision: str,
) -> Step:
    """Returns what a step costs on so many replicas."""
    rows = global_batch_size / replicas
    slowest = compute_secs(network, rows, hardware, precision)
    hosts = -(-replicas // hardware.devices_per_host)
    rows_per_sec = min(
        hardware.cores_per_host * CORE_ROWS_PER_SEC,
        HOST_BYTES_PER_SEC / network.features,
    )
    return Step(
        slowest * straggling(replicas),
        reduce_secs(FLOAT_BYTES * network.weights, replicas, hardware),
        global_batch_size / hosts / rows_per_sec,
        hardware.step_secs,
    )


def efficiency(
    network: Network,
    global_batch_size: int,
    replicas: int,
    hardware: Hardware,
    precision: str,
    *,
    weak: bool,
) -> float:
    """Returns the speed a replica, against that of one replica alone.

    Args:
      network: that is trained.
      global_batch_size: of one replica where weak, else of all of them.
      replicas: how many.
      hardware: of each.
      precision: the config's.
      weak: whether the batch grows with the replicas.
    """
    alone = step_of(network, global_batch_size, 1, hardware, precision).secs
    batch = global_batch_size * replicas if weak else global_batch_size
    secs = step_of(network, batch, replicas, hardware, precision).secs
    return alone / secs if weak else alone / secs / replicas


def paying_batch(
    network: Network,
    replicas: int,
    hardware: Hardware,
    precision: str,
    least: float = GOOD_EFFICIENCY,
) -> int | None:
    """Returns the least batch, a power of 2, shared at this efficiency."""
    for power in range(replicas.bit_length() - 1, 31):
        found = efficiency(
            network, 2**power, replicas, hardware, precision, weak=False
        )
        if found >= least:
            return 2**power
    return None


def failure_secs(replicas: int) -> float:
    """Returns the mean seconds between failures of so many devices."""
    return DEVICE_HOURS_PER_FAILURE * 3600 / replicas


def best_interval_secs(
    checkpoint_secs: float, mean_failure_secs: float
) -> float:
    """Returns how far apart checkpoints are best: sqrt(2 d M), Young 1974."""
    return math.sqrt(2 * checkpoint_secs * mean_failure_secs)


def goodput(
    interval_secs: float,
    checkpoint_secs: float,
    restart_secs: float,
    mean_failure_secs: float,
) -> float:
    """Returns the useful share of the time, to first order (Daly 2006, eq. 7).

    Lost are the checkpoints, and at each failure the restart and, on average,
    half an interval of work.
    """
    lost = checkpoint_secs / interval_secs
    lost += (restart_secs + interval_secs / 2) / mean_failure_secs
    return max(0.0, 1 - lost)
