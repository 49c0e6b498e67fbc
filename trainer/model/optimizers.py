"""Optimizers, learning-rate schedules and precision."""

import contextlib
from collections.abc import Iterator

import keras
import tensorflow as tf
from keras.src.optimizers.base_optimizer import BaseOptimizer

from trainer.config import OptimizerConfig
from trainer.process.surroundings import has_bfloat16
from trainer.process.together import together

# The first compute capability whose tensor cores take bfloat16 and
# TensorFloat-32. On older ones XLA makes float32 of both.
TENSOR_CORES_SINCE = (8, 0)


class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Warm-up, then constant, cosine, linear or piecewise decay.

    Cosine is equation 5 of Loshchilov & Hutter 2017 (SGDR) without restarts.
    """

    def __init__(self, config: OptimizerConfig, total_steps: int) -> None:
        self.config = config
        self.total_steps = total_steps

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns the learning rate of a 0-based step, float32 scalar."""
        schedule = self.config.schedule
        step = tf.cast(step, tf.float32)
        warmup_steps = schedule.warmup_fraction * self.total_steps
        left = tf.maximum(self.total_steps - warmup_steps, 1.0)
        progress = tf.clip_by_value((step - warmup_steps) / left, 0.0, 1.0)
        final = schedule.final_fraction
        if schedule.name == "cosine":
            cosine = (1 + tf.cos(tf.constant(3.14159265) * progress)) / 2
            factor = final + (1 - final) * cosine
        elif schedule.name == "linear":
            factor = final + (1 - final) * (1 - progress)
        else:
            factor = self._piecewise(step)
        rate = self.config.learning_rate * factor
        # (step + 1): the first step of a warm-up moves.
        rise = (step + 1) / max(warmup_steps, 1.0)
        return rate * tf.minimum(rise, 1.0) if warmup_steps else rate

    def _piecewise(self, step: tf.Tensor) -> tf.Tensor:
        factor = tf.constant(1.0)
        schedule = self.config.schedule
        for share, value in zip(
            schedule.boundaries, schedule.factors, strict=True
        ):
            factor = tf.where(step >= share * self.total_steps, value, factor)
        return factor

    def get_config(self) -> dict:
        return {"config": self.config, "total_steps": self.total_steps}


class _Stateless(BaseOptimizer):
    """Changes variables by their own `assign`, which Keras can turn aside.

    What Keras has for TensorFlow in these places changes TensorFlow's variables
    across replicas, which no `keras.StatelessScope` hears of.
    """

    assign = BaseOptimizer.assign
    assign_add = BaseOptimizer.assign_add
    assign_sub = BaseOptimizer.assign_sub
    _apply_weight_decay = BaseOptimizer._apply_weight_decay
    _backend_update_step = BaseOptimizer._backend_update_step
    _var_key = BaseOptimizer._var_key


class _Fused(keras.optimizers.Adam):
    """Adam's update as one operation a variable, where Keras has a dozen.

    Each of those goes over all of the weights. XLA makes one pass of them by
    itself; without it they were a third of a step.
    """

    def update_step(
        self,
        gradient: tf.Tensor,
        variable: tf.Variable,
        learning_rate: tf.Tensor,
    ) -> None:
        place = self._get_variable_index(variable)
        step = tf.cast(self.iterations.value + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, variable.dtype),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )


def build(
    config: OptimizerConfig,
    learning_rate: Schedule | float,
    *,
    stateless: bool = False,
    fused: bool = False,
) -> keras.optimizers.Optimizer:
    """Returns Keras's optimizer, without its clipping, EMA or accumulation.

    Keras clips each replica's gradient and only then sums over replicas. The
    step reduces, clips, averages and accumulates by itself, so Keras's own
    reduction is taken out: `apply` expects a gradient that is the same on every
    replica.

    Args:
      config: the optimizer's section.
      learning_rate: a schedule, or a constant for a model that is saved.
      stateless: whether it is called in a `keras.StatelessScope`, which then
        holds what it changes.
      fused: whether Adam changes TensorFlow's variables by TensorFlow's own
        operation, for a step that XLA does not compile; rounded otherwise.
    """
    optimizer = _BY_NAME[config.name](config, learning_rate)
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs
    if stateless:
        _add(_Stateless, optimizer)
    elif fused and isinstance(optimizer, keras.optimizers.Adam):
        _add(_Fused, optimizer)
    return optimizer


def _add(way: type, optimizer: keras.optimizers.Optimizer) -> None:
    """Has an optimizer do in a way of its own what that has methods for."""
    kind = type(optimizer)
    optimizer.__class__ = type(kind.__name__, (way, kind), {})


def _sgd(
    config: OptimizerConfig, rate: Schedule | float
) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(
        rate, momentum=config.momentum, nesterov=config.nesterov
    )


def _rmsprop(
    config: OptimizerConfig, rate: Schedule | float
) -> keras.optimizers.Optimizer:
    return keras.optimizers.RMSprop(
        rate,
        rho=config.rho,
        momentum=config.momentum,
        epsilon=config.epsilon,
    )


def _adam(
    config: OptimizerConfig, rate: Schedule | float
) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(
        rate,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        epsilon=config.epsilon,
    )


def _adamw(
    config: OptimizerConfig, rate: Schedule | float
) -> keras.optimizers.Optimizer:
    optimizer = keras.optimizers.AdamW(
        rate,
        weight_decay=config.weight_decay,
        beta_1=config.beta_1,
        beta_2=config.beta_2,
        epsilon=config.epsilon,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


# By the names that the config gives them.
_BY_NAME = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adamw,
}


@contextlib.contextmanager
def precise(precision: str) -> Iterator[None]:
    """Sets the precision for a while, as `set_precision` does for good."""
    with _restored():
        set_precision(precision)
        yield


@together
@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Sets back whether products may be TensorFloat-32: it is the process's."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def set_precision(precision: str) -> None:
    """Allows TensorFloat-32 products only where the config asks for them."""
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tf32")


def warn_of_precision(precision: str, *, is_tpu: bool) -> None:
    """Tells where a precision has no effect, or makes steps slower.

    Args:
      precision: the config's.
      is_tpu: whether the devices are TPUs, which all have bfloat16.
    """
    if reason := _no_effect(precision):
        print(
            f"WARNING: config.precision={precision!r} has no effect {reason}:"
            " products are float32",
            flush=True,
        )
    on_cpu = not is_tpu and not tf.config.list_physical_devices("GPU")
    if precision == "bfloat16" and on_cpu and has_bfloat16() is False:
        print(
            "WARNING: config.precision='bfloat16' makes steps slower here, as"
            " this processor has no products of it (AVX-512-BF16, AMX or"
            " ARM's): --config.precision=float32",
            flush=True,
        )


def _no_effect(precision: str) -> str | None:
    """Says where a precision is none of the devices'; None where it is."""
    gpus = tf.config.list_physical_devices("GPU")
    if precision == "tf32" and not gpus:
        return "without a GPU"
    for gpu in gpus if precision != "float32" else []:
        details = tf.config.experimental.get_device_details(gpu)
        capability = details.get("compute_capability", TENSOR_CORES_SINCE)
        if capability < TENSOR_CORES_SINCE:
            return (
                f"on {details.get('device_name')}, whose compute capability is"
                f" {'.'.join(map(str, capability))} and not 8.0"
            )
    return None
