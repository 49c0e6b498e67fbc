"""What shapes a step, and stays the same from one step to the next."""

import dataclasses
from typing import Literal

import tensorflow as tf

from trainer.config import AugmentationConfig
from trainer.config import OptimizerConfig


@dataclasses.dataclass(frozen=True)
class StepOptions:
    """The config's parts that shape a step; see trainer/config/sections.py.

    `compiled` tells what XLA compiles: "step", all of it; "parts", the
    distortions and the update alone, since on CPUs TensorFlow's own bfloat16
    products are several times as fast as XLA's; "none".

    `in_pieces` has XLA know how long its loops are; see `pieces`. On a CPU that
    gains nothing, and its second and third compilation cost a start's time.

    `seed` is a variable, int64, where fits of several seeds share a step.

    `virtual_replicas` parts a step into so many shares; see `shares`.
    """

    seed: int | tf.Variable
    optimizer: OptimizerConfig
    augmentation: AugmentationConfig
    compiled: Literal["step", "parts", "none"]
    total_steps: int
    in_pieces: bool = False
    virtual_replicas: int | None = None
