"""A study file: what to search, by what, and how.

from trainer.launch.sweep.study import Choice, Layers, Number, Study

def get_study() -> Study:
return Study(
space={
"model.hidden_units": Layers(depth=(1, 3), width=(32, 512)),
"optimizer.name": Choice(("adam", "sgd")),
"optimizer.learning_rate": Number(1e-4, 1e-1, log=True),
"optimizer.momentum": Number(
0.0, 0.99, when=("optimizer.name", ("sgd",))
),
},
)
"""

import dataclasses
import pathlib
import runpy
from typing import Any

from trainer.launch.sweep.ranges import Choice
from trainer.launch.sweep.ranges import Layers
from trainer.launch.sweep.ranges import Number
from trainer.launch.sweep.ranges import Whole
from trainer.launch.sweep.space import check as check_space
from trainer.launch.sweep.space import Space
from trainer.process.arguments import nearest
from trainer.process.exits import UserError

__all__ = ["Choice", "Layers", "Number", "Study", "Whole", "open_study"]

SAMPLERS = ("tpe", "random")
PRUNERS = ("none", "median", "hyperband")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """A search.

    Attributes:
      space: {field of the config: its range}; None for the default ones.
      metric: of the validation rows, that the search is for; None for the
        problem's own score. Whether more of it is better, the problem knows.
      sampler: "tpe" goes on where trials did well (Bergstra & others 2011);
        "random" does not look.
      pruner: what ends a trial early, at an evaluation: "median" where it is
        worse than half of the others were there, "hyperband" by brackets (Li
        & others 2018), "none".
      seed: the trials are a function of it, where one is run at a time.
    """

    space: Space | None = None
    metric: str | None = None
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns it as values of JSON, for comparing two of them."""
        space = self.space or {}
        return {
            "space": {
                field: {"kind": type(each).__name__}
                | _plain(dataclasses.asdict(each))
                for field, each in space.items()
            },
            "metric": self.metric,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "seed": self.seed,
        }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value


def open_study(name: str) -> Study:
    """Runs a study file, and returns what its `get_study()` does.

    Raises:
      UserError: there is none, or it cannot be read, or breaks a rule.
    """
    path = pathlib.Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"--study={name}: there is no such file; name one")
    try:
        found = runpy.run_path(str(path))["get_study"]()
    except KeyError as error:
        raise UserError(
            f"--study={name}: it has no {error}; a study file has a function"
            " get_study that returns a trainer.launch.sweep.study.Study"
        ) from error
    except Exception as error:  # whatever the file raises
        raise UserError(
            f"--study={name} cannot be read: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Study):
        raise UserError(
            f"--study={name}: get_study() returned a {type(found).__name__}; it"
            " must return a trainer.launch.sweep.study.Study"
        )
    check(found)
    return found


def check(study: Study) -> None:
    """Checks what needs no data.

    Raises:
      UserError: naming field, value, rule and remedy.
    """
    for field, choices in (("sampler", SAMPLERS), ("pruner", PRUNERS)):
        value = getattr(study, field)
        if value not in choices:
            remedy = nearest(str(value), choices) or "name one of them"
            raise UserError(
                f"the study's {field}={value!r} is none of"
                f" {', '.join(choices)}; {remedy}"
            )
    if type(study.seed) is not int or study.seed < 0:
        raise UserError(
            f"the study's seed={study.seed!r} must be a whole number, 0 or more"
        )
    if study.space is not None:
        if study.space == {}:
            raise UserError("the study's space has no field; name one or more")
        check_space(study.space)
