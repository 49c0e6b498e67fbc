"""A training job for multilayer perceptrons on TensorFlow.

`load` gives a run's network to a program; TensorFlow is imported when it is
first asked for, and not by `import trainer`.
"""

import importlib
from typing import Any
from typing import TYPE_CHECKING

from trainer.version import __version__ as __version__

if TYPE_CHECKING:
    from trainer.serving.load import load as load
    from trainer.serving.load import TrainedModel as TrainedModel

_SERVED = ("TrainedModel", "load")


def __getattr__(name: str) -> Any:
    if name not in _SERVED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("trainer.serving.load"), name)
