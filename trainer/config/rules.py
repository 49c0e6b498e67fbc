"""What a field's value must be."""

import dataclasses
from collections.abc import Callable
from typing import Any

from trainer.config.sections import ACTIVATIONS
from trainer.config.sections import INITIALIZERS
from trainer.config.sections import LOSSES
from trainer.config.sections import OPTIMIZERS
from trainer.config.sections import PRECISIONS
from trainer.config.sections import PROBLEMS
from trainer.config.sections import SCHEDULES
from trainer.config.sections import SOURCES


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field's value must be, in code and in words."""

    holds: Callable[[Any], bool]
    words: str


def one_of(*choices: str) -> Rule:
    return Rule(
        lambda value: value in choices, f"is none of {', '.join(choices)}"
    )


def at_least(least: float) -> Rule:
    return Rule(lambda value: value >= least, f"must be {least} or more")


def within(low: float, high: float) -> Rule:
    return Rule(
        lambda value: low <= value < high, f"must be from {low} to below {high}"
    )


POSITIVE = Rule(lambda value: value > 0, "must be more than 0")
UNIT_INTERVAL = Rule(
    lambda value: 0 < value < 1, "must be more than 0 and less than 1"
)
SHARE = Rule(lambda value: 0 <= value <= 1, "must be from 0 to 1")
# Every field that has a rule. The type is checked for all of them, and a None
# that the type allows passes without further question.
RULES: dict[str, Rule] = {
    "problem": one_of(*PROBLEMS),
    "loss": one_of(*LOSSES),
    "label_encoding": one_of("one_hot", "integer"),
    "seed": Rule(
        lambda value: 0 <= value < 2**31, "must be from 0 to 2147483647"
    ),
    "epochs": at_least(1),
    "steps": at_least(1),
    "global_batch_size": at_least(1),
    "precision": one_of(*PRECISIONS),
    "steps_per_execution": at_least(1),
    "data.source": one_of(*SOURCES),
    "data.validation_fraction": within(0, 1),
    "data.test_fraction": UNIT_INTERVAL,
    "data.normalization": one_of("auto", "none", "scale", "standardize"),
    "data.target_normalization": one_of("auto", "none", "standardize"),
    "data.augmentation.rotation_degrees": at_least(0),
    "data.augmentation.scale": within(0, 1),
    "data.augmentation.shear": at_least(0),
    "data.augmentation.shift_pixels": at_least(0),
    "data.augmentation.elastic_alpha_pixels": at_least(0),
    "data.augmentation.elastic_sigma_pixels": POSITIVE,
    "data.augmentation.fade_fraction": SHARE,
    "model.hidden_units": Rule(
        lambda value: all(units >= 1 for units in value),
        "must be widths of 1 or more",
    ),
    "model.activation": one_of(*ACTIVATIONS),
    "model.leaky_relu_slope": at_least(0),
    "model.kernel_initializer": one_of(*INITIALIZERS),
    "model.dropout": within(0, 1),
    "model.l2": at_least(0),
    "optimizer.name": one_of(*OPTIMIZERS),
    "optimizer.learning_rate": POSITIVE,
    "optimizer.momentum": within(0, 1),
    "optimizer.rho": within(0, 1),
    "optimizer.beta_1": within(0, 1),
    "optimizer.beta_2": within(0, 1),
    "optimizer.epsilon": POSITIVE,
    "optimizer.weight_decay": at_least(0),
    "optimizer.clip_norm": POSITIVE,
    "optimizer.ema_decay": UNIT_INTERVAL,
    "optimizer.accumulation_steps": at_least(1),
    "optimizer.schedule.name": one_of(*SCHEDULES),
    "optimizer.schedule.warmup_fraction": within(0, 1),
    "optimizer.schedule.final_fraction": SHARE,
    "optimizer.schedule.boundaries": Rule(
        lambda value: (
            all(0 < share < 1 for share in value)
            and sorted(set(value)) == list(value)
        ),
        "must rise, each more than 0 and less than 1",
    ),
    "optimizer.schedule.factors": Rule(
        lambda value: all(factor > 0 for factor in value),
        "must be more than 0",
    ),
    "evaluation.global_batch_size": at_least(1),
    "evaluation.every_steps": at_least(1),
    "evaluation.patience": at_least(1),
    "evaluation.min_delta": at_least(0),
    "checkpoint.every_steps": at_least(1),
    "checkpoint.keep_every_steps": at_least(1),
    "checkpoint.every_secs": POSITIVE,
    "checkpoint.keep": at_least(1),
    "log.every_steps": at_least(1),
    "log.norms_every_steps": at_least(1),
    "log.histograms_every_steps": at_least(1),
}
