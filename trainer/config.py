"""What to train: the config's dataclasses, their defaults and their rules.

A file in `configs/` has a `get_config()` that returns a `Config` in which only
what differs from the defaults below is set. Every default stands here, once,
with its unit and meaning. This module imports nothing but the standard
library, so that a mistake is found before TensorFlow is imported.
"""

import contextlib
import dataclasses
import difflib
import functools
import math
import os
import sys
import types
import typing
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NoReturn


class UserError(Exception):
    """A mistake that the user can mend: told in one line, exit code 2."""


def tell(text: str) -> None:
    """Prints a text on stderr, as one line."""
    with contextlib.suppress(OSError):  # it may lie on a full disk
        print(f"strata: {' '.join(text.split())}", file=sys.stderr)


def leave(code: int) -> NoReturn:
    """Ends the process at once; all files are closed by now.

    To take down several replicas by itself takes TensorFlow from seconds to a
    minute, and more where a worker's peers are gone.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # they may lie on a full disk
            stream.flush()
    os._exit(code)


def verb(run: Callable[[list[str]], int]) -> Callable[[list[str]], int]:
    """Makes a command's `main` of it: a UserError is told, with code 2."""

    @functools.wraps(run)
    def main(argv: list[str]) -> int:
        try:
            return run(argv)
        except UserError as error:
            tell(str(error))
            return 2

    return main


PROBLEMS = (
    "auto",
    "binary",
    "multiclass",
    "multilabel",
    "regression",
    "bounded_regression",
)
SOURCES = (
    "digits",
    "mnist",
    "fashion_mnist",
    "breast_cancer",
    "wine",
    "diabetes",
    "digits_attributes",
    "digits_ink",
    "files",
)
ACTIVATIONS = (
    "relu",
    "leaky_relu",
    "sigmoid",
    "tanh",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "relu6",
    "hard_sigmoid",
    "hard_silu",
    "mish",
    "exponential",
    "linear",
)
INITIALIZERS = (
    "glorot_uniform",
    "glorot_normal",
    "he_uniform",
    "he_normal",
    "lecun_uniform",
    "lecun_normal",
    "orthogonal",
)
OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "linear", "piecewise")
PRECISIONS = ("float32", "tf32", "bfloat16")
LOSSES = (
    "binary_crossentropy",
    "categorical_crossentropy",
    "mse",
)


@dataclasses.dataclass
class AugmentationConfig:
    # Training images are distorted anew each time they are seen: turned by up
    # to so many degrees either way, scaled by up to this share in height and
    # in width, sheared by up to this slope, shifted by up to so many pixels.
    rotation_degrees: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    shift_pixels: float = 0.0
    # Elastic distortion (Simard, Steinkraus & Platt 2003): each pixel is moved
    # by noise from -1 to 1, smoothed by a Gaussian of sigma, times alpha.
    elastic_alpha_pixels: float = 0.0
    elastic_sigma_pixels: float = 4.0
    # Over this last share of the run all of them shrink linearly to none, so
    # that it ends on images as those that are scored.
    fade_fraction: float = 0.0

    @property
    def distorts(self) -> bool:
        """Whether images are changed at all."""
        return any(
            (
                self.rotation_degrees,
                self.scale,
                self.shear,
                self.shift_pixels,
                self.elastic_alpha_pixels,
            )
        )


@dataclasses.dataclass
class DataConfig:
    # Where the arrays come from: one of SOURCES. "files" is the user's own
    # .npz, .npy or .csv, found in --data_dir.
    source: str = "digits"
    # A CSV file's column of labels; None for the last that is not ignored.
    target: str | None = None
    # Columns of a CSV file that are not read.
    ignore: tuple[str, ...] = ()
    # Share of the training rows held out for validation, drawn by the seed and
    # stratified where there are classes; 0 for none. Not used where the source
    # has a validation split of its own.
    validation_fraction: float = 0.0
    # Share of the rows that become the test split of a source without one.
    test_fraction: float = 0.2
    # "scale" divides by the largest value of the data's kind (255 for uint8);
    # "standardize" subtracts the mean and divides by the standard deviation of
    # the training rows; "auto" scales integers of a known range whose mean is
    # below half of it, and standardizes all else.
    normalization: str = "auto"
    # "standardize" trains a regression on targets of mean 0 and deviation 1
    # (predictions and every metric but the loss stay in the target's own
    # units); "auto" does so for "regression" and nothing else.
    target_normalization: str = "auto"
    # Of images alone, and in training alone.
    augmentation: AugmentationConfig = dataclasses.field(
        default_factory=AugmentationConfig
    )


@dataclasses.dataclass
class ModelConfig:
    # Width of each hidden layer, first to last; () for a linear model.
    hidden_units: tuple[int, ...] = (128,)
    activation: str = "relu"
    # Slope below 0 of "leaky_relu" (Keras's default).
    leaky_relu_slope: float = 0.3
    kernel_initializer: str = "glorot_uniform"
    # Share of each hidden layer's outputs set to 0 in training.
    dropout: float = 0.0
    # Normalise each hidden layer's values, before its activation.
    layer_normalization: bool = False
    # Weight of the penalty l2 * sum(kernel ** 2), biases excepted. The loss
    # that is printed is that of the data alone.
    l2: float = 0.0
    # Add each hidden layer's input to its output, through a linear projection
    # where the widths differ (He et al. 2016, equation 2).
    skip_connections: bool = False


@dataclasses.dataclass
class ScheduleConfig:
    # The course of the learning rate after warm-up: one of SCHEDULES.
    name: str = "constant"
    # Linear rise from 0 over this share of the run.
    warmup_fraction: float = 0.0
    # Where "cosine" and "linear" end, as a share of the learning rate.
    final_fraction: float = 0.0
    # "piecewise": the learning rate is multiplied by factors[i] from the share
    # boundaries[i] of the run on.
    boundaries: tuple[float, ...] = ()
    factors: tuple[float, ...] = ()


@dataclasses.dataclass
class OptimizerConfig:
    name: str = "rmsprop"
    learning_rate: float = 1e-3
    # sgd and rmsprop.
    momentum: float = 0.0
    # sgd.
    nesterov: bool = False
    # rmsprop: decay of the mean of squared gradients.
    rho: float = 0.9
    # adam and adamw.
    beta_1: float = 0.9
    beta_2: float = 0.999
    # rmsprop, adam and adamw.
    epsilon: float = 1e-7
    # adamw: decoupled decay (Loshchilov & Hutter 2019), of kernels alone.
    weight_decay: float = 4e-3
    # Largest global norm of the gradient of a step, or None.
    clip_norm: float | None = None
    # Decay a step of the moving average of the weights that is evaluated and
    # saved, or None. The average warms up: decay_t = min(decay, (1+t)/(10+t)),
    # as in tf.train.ExponentialMovingAverage.
    ema_decay: float | None = None
    # Micro-batches that a global batch is worked off in, to save memory.
    accumulation_steps: int = 1
    schedule: ScheduleConfig = dataclasses.field(default_factory=ScheduleConfig)


@dataclasses.dataclass
class EvaluationConfig:
    # Rows of a batch of evaluation, over all replicas.
    global_batch_size: int = 1024
    # Evaluate every so many steps; None for the end of each epoch.
    every_steps: int | None = None
    # Score the test split at each evaluation, not only at the end.
    test_each_time: bool = False
    # Metric of the validation split by which the best weights are chosen, such
    # as "accuracy" or "loss"; None takes the last weights.
    select_by: str | None = None
    # Evaluations without a better `select_by` after which training stops.
    patience: int | None = None
    # By how much `select_by` must change to count as better.
    min_delta: float = 0.0


@dataclasses.dataclass
class CheckpointConfig:
    # Save every so many steps, seconds, and at the end of each epoch; always
    # at the end of the run.
    every_steps: int | None = None
    every_secs: float | None = 60.0
    every_epoch: bool = False
    # How many of the newest checkpoints are kept; the best is kept beside.
    keep: int = 3
    # Checkpoints of a multiple of so many steps are kept for good.
    keep_every_steps: int | None = None


@dataclasses.dataclass
class LogConfig:
    # Steps between two lines of metrics.jsonl and points in TensorBoard.
    every_steps: int = 100
    tensorboard: bool = True
    # Steps between two looks, in TensorBoard, at the norms of gradient, weights
    # and update, and at the histograms of gradients and weights; None for
    # none. A look is a training step more, without XLA.
    norms_every_steps: int | None = 500
    histograms_every_steps: int | None = None
    # Keep what stands behind the final score (mistakes, confusions) in
    # detail.json, and make report.html where the extra "report" is installed.
    report: bool = True


@dataclasses.dataclass
class Config:
    # The row of the problem table, or "auto" to read it from the labels.
    problem: str = "auto"
    # None takes the problem's own loss; "bounded_regression" also allows
    # "binary_crossentropy".
    loss: str | None = None
    # How classes reach the loss: "one_hot" or "integer". Same numbers.
    label_encoding: str = "one_hot"
    seed: int = 42
    # The run's length: one of the two.
    epochs: int | None = None
    steps: int | None = None
    # Rows of a training step, over all replicas.
    global_batch_size: int = 128
    precision: str = "float32"
    # Compile the step by XLA; of bfloat16 on CPUs only the distortions and the
    # update, since TensorFlow's own bfloat16 products are faster there.
    jit_compile: bool = True
    # Most steps that devices run between two meetings with the host.
    steps_per_execution: int = 50
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    optimizer: OptimizerConfig = dataclasses.field(
        default_factory=OptimizerConfig
    )
    evaluation: EvaluationConfig = dataclasses.field(
        default_factory=EvaluationConfig
    )
    checkpoint: CheckpointConfig = dataclasses.field(
        default_factory=CheckpointConfig
    )
    log: LogConfig = dataclasses.field(default_factory=LogConfig)


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

# What may differ between two starts of one run: how it is saved and logged.
FREE_ON_RESUME = ("checkpoint.", "log.", "steps_per_execution")


def fields(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yields (dotted path, type, value) of every leaf field of a config."""
    for field in dataclasses.fields(config):
        path = prefix + field.name
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(field.type):
            if not isinstance(value, field.type):  # type: ignore[arg-type]
                raise UserError(
                    f"config.{path}={value!r} must be a"
                    f" {field.type.__name__}; see trainer/config.py"  # type: ignore[union-attr]
                )
            yield from fields(value, path + ".")
        else:
            yield path, field.type, value


def flatten(config: Any) -> dict[str, Any]:
    """Returns {dotted path: value} of a config, tuples as JSON's lists."""
    return {
        path: list(value) if isinstance(value, tuple) else value
        for path, _, value in fields(config)
    }


def from_dict(values: dict[str, Any]) -> Config:
    """Returns the config of `dataclasses.asdict` or of `flatten`.

    A field that is absent takes its default.

    Raises:
      UserError: a field that no config has.
    """
    config = Config()
    assign(config, values)
    return config


def assign(section: Any, values: dict[str, Any], prefix: str = "") -> None:
    """Sets fields of a config, or of a section of it that `prefix` names."""
    for path, value in values.items():
        *parents, name = path.split(".")
        holder = section
        for parent in parents:
            holder = getattr(holder, parent, None)
        if not hasattr(holder, name):
            raise unknown_field(prefix + path)
        if isinstance(value, dict):
            assign(getattr(holder, name), value, f"{prefix}{path}.")
        else:
            setattr(
                holder, name, tuple(value) if isinstance(value, list) else value
            )


def unknown_field(path: str) -> UserError:
    """Returns the error for a field that no config has, with the nearest."""
    known = [known for known, _, _ in fields(Config())]
    inside = [k for k in known if k.startswith(path + ".")]
    if inside:
        return UserError(
            f"config.{path} is a section of the config; set its fields, such as"
            f" config.{inside[0]}"
        )
    leaves = [k for k in known if k.rsplit(".")[-1] == path.rsplit(".")[-1]]
    near = leaves or difflib.get_close_matches(path, known, n=1)
    remedy = (
        f"did you mean config.{near[0]}?"
        if near
        else "trainer/config.py lists them"
    )
    return UserError(f"config.{path} is not a field of the config; {remedy}")


def _typed(value: Any, wanted: Any) -> tuple[bool, Any]:
    """Whether `value` is of type `wanted`, and the value as that type."""
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return type(None) in args, None
        return _typed(value, next(a for a in args if a is not type(None)))
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False, value
        items = [_typed(item, args[0]) for item in value]
        return all(good for good, _ in items), tuple(item for _, item in items)
    if wanted is float:
        good = isinstance(value, int | float) and not isinstance(value, bool)
        return good and math.isfinite(value), float(value) if good else value
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    return isinstance(value, wanted), value


def _words(wanted: Any) -> str:
    """The name of a type as a user would say it."""
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return (
            " or ".join(_words(a) for a in args if a is not type(None))
            + " or none"
        )
    if origin is tuple:
        return f"a tuple of {_words(args[0])}"
    names = {
        int: "int",
        float: "finite float",
        bool: "true or false",
        str: "str",
    }
    return names[wanted]


def _check_field(path: str, wanted: Any, value: Any) -> Any:
    good, value = _typed(value, wanted)
    if not good:
        raise UserError(f"config.{path}={value!r} must be {_words(wanted)}")
    rule = RULES.get(path)
    if rule is None or value is None or rule.holds(value):
        return value
    remedy = ""
    if isinstance(value, str):
        choices = rule.words.removeprefix("is none of ").split(", ")
        near = difflib.get_close_matches(value, choices, n=1)
        remedy = f"; did you mean {near[0]}?" if near else ""
    else:
        default = flatten(Config())[path]
        remedy = f"; the default is {default}" if default is not None else ""
    raise UserError(f"config.{path}={value!r} {rule.words}{remedy}")


def validate(config: Config) -> Config:
    """Checks every rule that needs no data and no devices.

    Args:
      config: what `get_config()` returned, with the flags' changes.

    Returns:
      A new config with lists as tuples and whole numbers as floats where a
      field is a float.

    Raises:
      UserError: naming field, value, rule and remedy.
    """
    if not isinstance(config, Config):
        raise UserError(
            f"get_config() returned a {type(config).__name__}; it must return"
            " a trainer.config.Config"
        )
    config = from_dict(
        {path: _check_field(path, *rest) for path, *rest in fields(config)}
    )
    _check_length(config)
    _check_optimizer(config.optimizer)
    _check_selection(config)
    return config


def _check_length(config: Config) -> None:
    if (config.epochs is None) == (config.steps is None):
        raise UserError(
            f"config.epochs={config.epochs} and config.steps={config.steps}:"
            " exactly one must be set; set the other to None"
        )
    if config.optimizer.accumulation_steps > config.global_batch_size:
        raise UserError(
            "config.optimizer.accumulation_steps="
            f"{config.optimizer.accumulation_steps} must not exceed"
            f" config.global_batch_size={config.global_batch_size}"
        )


def _check_optimizer(optimizer: OptimizerConfig) -> None:
    schedule = optimizer.schedule
    if len(schedule.boundaries) != len(schedule.factors):
        raise UserError(
            f"config.optimizer.schedule.boundaries={schedule.boundaries} and"
            f" factors={schedule.factors} must be of one length"
        )
    if (schedule.name == "piecewise") != bool(schedule.boundaries):
        raise UserError(
            f"config.optimizer.schedule.name={schedule.name!r} with boundaries="
            f"{schedule.boundaries}: piecewise needs boundaries and factors,"
            " and nothing else takes them"
        )
    if optimizer.nesterov and (
        optimizer.name != "sgd" or not optimizer.momentum
    ):
        raise UserError(
            "config.optimizer.nesterov=True needs name='sgd' and momentum > 0"
        )


def _check_selection(config: Config) -> None:
    if config.evaluation.patience and not config.evaluation.select_by:
        raise UserError(
            f"config.evaluation.patience={config.evaluation.patience} needs"
            " config.evaluation.select_by, such as 'loss'"
        )


def changed_fields(before: Config, now: Config) -> list[str]:
    """Names the fields in which a second start may not differ, and does.

    Args:
      before: the config that the run was started with.
      now: the config of this start.

    Returns:
      Lines such as "seed: 42 -> 43"; empty where the run may go on. A longer
      run may go on where no schedule depends on the length.
    """
    was, new = flatten(before), flatten(now)
    grows = (
        now.optimizer.schedule == ScheduleConfig()
        and not now.data.augmentation.fade_fraction
    )
    changes = []
    for path, value in new.items():
        old = was[path]
        if old == value or path.startswith(FREE_ON_RESUME):
            continue
        longer = bool(old and value) and path in ("epochs", "steps")
        if longer and grows and value > old:
            continue
        changes.append(f"{path}: {old} -> {value}")
    return changes
