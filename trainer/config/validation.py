"""Checks every rule of a config that needs no data and no devices."""

import dataclasses
import sys
import types
import typing
from typing import Any

from trainer.config.rules import Rule
from trainer.config.sections import Config
from trainer.config.sections import DataConfig
from trainer.config.sections import OptimizerConfig
from trainer.config.values import fields
from trainer.config.values import flatten
from trainer.config.values import from_dict
from trainer.process.arguments import nearest
from trainer.process.exits import UserError

# Of whole numbers: the product of two is still one that a device counts in.
MOST = 2**31 - 1


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
        # Not `isfinite`, which is not told of whole numbers beyond all floats.
        good = good and abs(value) <= sys.float_info.max
        return good, float(value) if good else value
    if wanted is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    return isinstance(value, wanted), value


def type_words(wanted: Any) -> str:
    """Returns what a field must be, as a user would say it."""
    origin, args = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return (
            " or ".join(type_words(a) for a in args if a is not type(None))
            + " or none"
        )
    if origin is tuple:
        return f"a tuple, each {type_words(args[0])}"
    names = {
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        str: "text",
    }
    return names[wanted]


def _check_field(path: str, field: dataclasses.Field, value: Any) -> Any:
    good, value = _typed(value, field.type)
    if not good:
        raise UserError(
            f"config.{path}={value!r} must be {type_words(field.type)}"
        )
    rule: Rule | None = field.metadata.get("rule")
    if rule is None or value is None or rule.holds(value):
        whole = value if isinstance(value, tuple) else (value,)
        if any(isinstance(each, int) and each > MOST for each in whole):
            raise UserError(
                f"config.{path}={value!r} must be {MOST} or less; lower it"
            )
        return value
    remedy = ""
    if rule.choices:
        near = nearest(value, rule.choices)
        remedy = f"; {near}" if near else ""
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
    _check_folds(config.data)
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
    _check_shares(config)


def _check_shares(config: Config) -> None:
    shares = config.virtual_replicas
    micro_batches = config.optimizer.accumulation_steps
    if shares and shares * micro_batches > config.global_batch_size:
        times = (
            f" times config.optimizer.accumulation_steps={micro_batches}"
            if micro_batches > 1
            else ""
        )
        raise UserError(
            f"config.virtual_replicas={shares}{times} must not exceed"
            f" config.global_batch_size={config.global_batch_size}: each share"
            " takes a row; lower it"
        )


def _check_folds(data: DataConfig) -> None:
    if data.fold and data.fold >= (data.folds or 0):
        raise UserError(
            f"config.data.fold={data.fold} must be less than"
            f" config.data.folds={data.folds}; they count from 0"
        )
    if data.group is not None and data.order is not None:
        raise UserError(
            f"config.data.group={data.group!r} with"
            f" config.data.order={data.order!r}: rows are held out by group or"
            " by order; leave one of them out"
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
    evaluation = config.evaluation
    if evaluation.test_each_time and not evaluation.test_at_end:
        raise UserError(
            "config.evaluation.test_each_time=True with test_at_end=False: the"
            " test rows are scored at each evaluation or stay unseen; set one"
            " of them back"
        )
    if config.evaluation.patience and not config.evaluation.select_by:
        raise UserError(
            f"config.evaluation.patience={config.evaluation.patience} needs"
            " config.evaluation.select_by, such as 'loss'"
        )
