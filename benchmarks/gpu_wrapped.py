"""The trainer with what benchmarks.on_gpu does to it, in a process of its own.

  python -m benchmarks.gpu_wrapped '{"kind": "GPU", "devices": 2, ...}' FLAGS

A dictionary of `Wrapping` first, then the trainer's flags.
"""

import dataclasses
import json
import os
import signal
import sys

from trainer import task
from trainer.process.exits import leave
from trainer.process.watchdog import Watchdog

STUCK_SECS = 10.0


@dataclasses.dataclass(frozen=True)
class Wrapping:
    """What is to be different.

    Attributes:
      kind: of the devices, "GPU" or "CPU".
      devices: logical ones that the first physical one is parted into; 0 to
        leave it whole.
      memory_mib: of each of them, on a GPU.
      at_step: that something happens at, or None.
      what: happens there: a signal's name, or "stuck".
    """

    kind: str
    devices: int = 0
    memory_mib: int = 4096
    at_step: int | None = None
    what: str = ""


def part_device(wrapping: Wrapping) -> None:
    """Makes logical devices of the first one, before TensorFlow begins."""
    import tensorflow as tf

    from trainer.devices import strategies

    is_gpu = wrapping.kind == "GPU"
    limit = wrapping.memory_mib if is_gpu else None
    logical = tf.config.LogicalDeviceConfiguration(memory_limit=limit)
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices(wrapping.kind)[0],
        [logical] * wrapping.devices,
    )
    # A device that is parted cannot grow.
    strategies.grow_memory = lambda: None


def never_end() -> None:
    """Has the device run a program that has no end."""
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def run() -> tf.Tensor:
        ones = tf.ones([64, 64])
        (product,) = tf.while_loop(
            lambda product: tf.reduce_sum(product) > 0,
            lambda product: [tf.clip_by_value(product @ ones, 1.0, 2.0)],
            [ones],
        )
        return product

    run().numpy()


def interrupt(wrapping: Wrapping) -> None:
    """Has something happen at the end of the chunk that reaches a step."""
    beat = Watchdog.beat
    done: list[int] = []

    def beaten(watchdog: Watchdog, step: int) -> None:
        beat(watchdog, step)
        assert wrapping.at_step is not None
        if step < wrapping.at_step or done:
            return
        done.append(step)
        if wrapping.what == "stuck":
            never_end()
        else:
            os.kill(os.getpid(), signal.Signals[wrapping.what])

    Watchdog.beat = beaten  # type: ignore[method-assign, assignment]
    if wrapping.what == "stuck":
        task.LEAST_SECS = STUCK_SECS


def main(words: str, *flags: str) -> int:
    """Trains; returns the trainer's exit code."""
    wrapping = Wrapping(**json.loads(words))
    if wrapping.at_step is not None:
        interrupt(wrapping)
    if wrapping.devices:
        part_device(wrapping)
    return task.main(list(flags))


if __name__ == "__main__":
    leave(main(*sys.argv[1:]))
