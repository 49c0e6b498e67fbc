"""Which runs may train side by side, as one program, and why others may not."""

from collections.abc import Collection
from typing import Any

from trainer.config.sections import Config
from trainer.config.values import flatten

# What is a number in the program, or stands before it.
FREE_FIELDS = (
    "seed",
    "data.fold",
    "model.dropout",
    "model.l2",
    "optimizer.learning_rate",
    "optimizer.weight_decay",
)
# Without one of these, there is no such part of the program.
_PARTS = ("model.dropout", "model.l2")
# Flags of a run that trains beside others: one process, on one device.
FLAGS = ("config", "workdir", "data_dir", "init_from", "cluster")


def shape_of(config: Config) -> tuple[tuple[str, Any], ...]:
    """Returns what must be the same for runs that train side by side."""
    fields = {
        name: bool(value) if name in _PARTS else value
        for name, value in flatten(config).items()
        if name in _PARTS or name not in FREE_FIELDS
    }
    return tuple((name, repr(value)) for name, value in fields.items())


def field_alone(config: Config) -> str | None:
    """Returns a field and its value, for which a run trains alone; or None."""
    log = config.log
    because = {
        "virtual_replicas": config.virtual_replicas is not None,
        "precision": config.precision == "bfloat16",
        "optimizer.accumulation_steps": config.optimizer.accumulation_steps > 1,
        "data.augmentation": config.data.augmentation.distorts,
        "log.histograms_every_steps": bool(
            log.tensorboard and log.histograms_every_steps
        ),
    }
    name = next((name for name, is_so in because.items() if is_so), None)
    if name is None:
        return None
    values = flatten(config)
    return f"config.{name}" + (f"={values[name]}" if name in values else "")


def flag_alone(given: Collection[str]) -> str | None:
    """Returns a flag that none of several runs in a process has; or None.

    Args:
      given: names of flags that are not as they are by default.
    """
    return next((name for name in given if name not in FLAGS), None)
