"""A training job for multilayer perceptrons on TensorFlow.

`fit` trains a network, `load` gives a run's network to a program, and
`MLPClassifier` and `MLPRegressor` are scikit-learn's estimators. TensorFlow is
imported when one is first asked to work, and not by `import trainer`.
"""

import importlib
from typing import Any
from typing import TYPE_CHECKING

from trainer.version import __version__ as __version__

if TYPE_CHECKING:
    from trainer.api.classifier import MLPClassifier as MLPClassifier
    from trainer.api.fit import fit as fit
    from trainer.api.regressor import MLPRegressor as MLPRegressor
    from trainer.api.run import Run as Run
    from trainer.config import Config as Config
    from trainer.process.exits import UserError as UserError
    from trainer.serving.load import load as load
    from trainer.serving.load import TrainedModel as TrainedModel

_MODULES = {
    "Config": "trainer.config",
    "MLPClassifier": "trainer.api.classifier",
    "MLPRegressor": "trainer.api.regressor",
    "Run": "trainer.api.run",
    "TrainedModel": "trainer.serving.load",
    "UserError": "trainer.process.exits",
    "fit": "trainer.api.fit",
    "load": "trainer.serving.load",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if not _MODULES[name].startswith("trainer.serving"):
        return getattr(importlib.import_module(_MODULES[name]), name)
    # It brings TensorFlow, whose start is not to be seen.
    from trainer.devices import start

    with start.restored(), start.shared():
        return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
