"""What both estimators share: parameters, normalisation and fits in memory.

The network, its step and the order of rows are those of a run.

A fit is held in memory, as arrays; nothing is written. Where a run in a folder
is wanted, that is `trainer.fit`.
"""

import contextlib
import functools
import numbers
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight
from sklearn.utils.validation import check_is_fitted
from sklearn.utils.validation import validate_data

from trainer.api import settings
from trainer.config import Config
from trainer.config import ScheduleConfig
from trainer.devices import start
from trainer.process.exits import UserError
from trainer.serving.rows import check_outputs
from trainer.sources import precision
from trainer.sources.checks import check_finite
from trainer.tables.given import check_unmasked

# Fields of a config that have a meaning for a fit without a folder.
_FIELDS = (
    *("model.", "optimizer.", "loss", "focal_gamma", "label_smoothing"),
    *("precision", "jit_compile"),
)


class MLPEstimator(BaseEstimator):
    """What both estimators share: parameters, normalisation and fits."""

    n_iter_: int
    loss_curve_: list[float]
    # Weights and the optimizer's own, as `Learner` keeps them.
    _state: dict[str, np.ndarray]

    def __init__(
        self,
        hidden_units: Sequence[int] | int = (128,),
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        l2: float = 0.0,
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        batch_size: int = 32,
        epochs: int = 100,
        random_state: Any = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        self.hidden_units = hidden_units
        self.activation = activation
        self.dropout = dropout
        self.l2 = l2
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state
        self.fields = fields

    def _config(self, problem: str) -> Config:
        """Returns the config of a fit, as `trainer.fit` would take it.

        Raises:
          ValueError: a parameter breaks a rule of the config.
        """
        given = {
            "problem": problem,
            "model.hidden_units": self.hidden_units,
            "model.activation": self.activation,
            "model.dropout": self.dropout,
            "model.l2": self.l2,
            "optimizer.name": self.optimizer,
            "optimizer.learning_rate": self.learning_rate,
            "global_batch_size": self.batch_size,
            "epochs": self.epochs,
            # Done here, in 64 bits.
            "data.normalization": "none",
            "data.target_normalization": "none",
        }
        for name in self.fields or {}:
            if not str(name).startswith(_FIELDS) or name in given:
                raise ValueError(
                    f"fields={self.fields!r}: {name!r} is no field of an"
                    " estimator, or a parameter of its own; those of"
                    " optimizer., model. and the loss are, and precision and"
                    " jit_compile"
                )
        # To compile by XLA takes longer than most fits.
        usual = {"jit_compile": False}
        return settings.settled(
            Config(), usual | given | {**(self.fields or {})}
        )

    def _fit_rows(
        self,
        x: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        problem: str,
        outputs: int,
        *,
        is_part: bool = False,
    ) -> None:
        """Trains on checked rows; anew, or an epoch more where it is a part."""
        with told():
            config = self._config(problem)
            check_finite("X", x)
        if is_part:  # nobody knows where a schedule would end
            config.optimizer.schedule = ScheduleConfig()
        is_anew = not (is_part and self.__sklearn_is_fitted__())
        if is_anew:
            self._begin(x, weight)
        begun = 0 if is_anew else self.n_iter_
        earlier = [] if is_anew else self.loss_curve_
        epochs = 1 if is_part else self.epochs
        total_steps = epochs * -(-len(x) // config.global_batch_size)
        with told(), _quietly(config.precision):
            from trainer.api.learner import learner_of
            from trainer.api.learner import Rows

            learner = learner_of(config, x.shape[1], outputs, total_steps)
            state = learner.begin(self._seed) if is_anew else self._state
            rows = Rows(
                self._normalized(x),
                y,
                (weight / self._mean_weight).astype(np.float32),
            )
            state, losses = learner.train(
                state, rows, epochs, begun, self._seed
            )
        self._state, self._fitted_as, self._outputs = state, config, outputs
        self.loss_curve_ = [*earlier, *losses]
        # The last, since it says that the rest is there.
        self.n_iter_ = begun + epochs

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_iter_")

    def _forget(self) -> None:
        """Drops an earlier fit, lest one that fails answers by it."""
        for name in ("n_iter_", "loss_curve_", "_state", "_fitted_as"):
            self.__dict__.pop(name, None)

    def _begin(self, x: np.ndarray, weight: np.ndarray) -> None:
        self._seed = self.random_state
        if not isinstance(self._seed, numbers.Integral):
            random = check_random_state(self._seed)
            self._seed = random.randint(2**31 - 1)
        self._seed = int(self._seed)  # NumPy's numbers seed nothing else
        if not 0 <= self._seed < 2**32:
            raise ValueError(
                f"random_state={self._seed} must be from 0 to 2**32 - 1"
            )
        self._mean, self._std = moments_of(x, weight)
        self._mean_weight = weight.mean()

    def _normalized(self, x: np.ndarray) -> np.ndarray:
        return scaled("X", x, self._mean, self._std)

    def _outputs_of(self, x: Any) -> np.ndarray:
        """Returns the network's outputs, float64 [rows, outputs].

        Raises:
          ValueError: they are not finite.
        """
        check_is_fitted(self)
        x = self._validated(x, reset=False)
        config = self._fitted_as
        with _quietly(config.precision):
            from trainer.api.learner import learner_of

            learner = learner_of(config, x.shape[1], self._outputs, 1)
            found = learner.predict(self._state, self._normalized(x))
        with told():
            check_outputs("X", found)
        return found.astype(np.float64)

    def _validated(self, *given: Any, **rules: Any) -> Any:
        """Returns X, or X and y, as scikit-learn checks them, X float64.

        Raises:
          ValueError: they are no such rows, or values are masked.
        """
        with told():
            for name, values in zip(("X", "y"), given, strict=False):
                check_unmasked(name, values)
        return validate_data(self, *given, dtype=np.float64, **rules)

    def _weighted(
        self, x: np.ndarray, sample_weight: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns rows' weights, and which rows count at all.

        Raises:
          ValueError: one is below 0 or masked, or all are 0.
        """
        with told():
            check_unmasked("sample_weight", sample_weight)
        weight = _check_sample_weight(
            sample_weight, x, dtype=np.float64, ensure_non_negative=True
        )
        counts = weight > 0
        if not counts.any():
            raise ValueError(
                "Sample weights must contain at least one non-zero number."
            )
        return weight, counts


def scaled(
    name: str, values: np.ndarray, mean: np.ndarray, std: np.ndarray
) -> np.ndarray:
    """Returns values less their columns' means by their deviations, float32.

    Raises:
      ValueError: one is beyond float32 so.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        found = ((values - mean) / std).astype(np.float32)
    fits = np.isfinite(found)
    if not fits.all():
        row, column = np.argwhere(~fits)[0]
        raise ValueError(
            f"{name} has {values[row, column]:g} in row {row}, which is too far"
            f" for float32 from the {mean[column]:g} of the training rows, of"
            f" deviation {std[column]:g}; scale column {column}, or leave the"
            " row out"
        )
    return found


@contextlib.contextmanager
def told() -> Iterator[None]:
    """Tells a mistake as scikit-learn does.

    Raises:
      ValueError: within, a parameter is wrong, or the loss is not finite.
    """
    try:
        yield
    except UserError as error:
        raise ValueError(str(error)) from None
    except FloatingPointError as error:
        raise ValueError(f"{error}; lower learning_rate") from None


@contextlib.contextmanager
def _quietly(precision: str = "float32") -> Iterator[None]:
    """Surrounds TensorFlow's work in a program that does other work, too."""
    with start.restored():
        _start()
        from trainer.model import optimizers

        with optimizers.precise(precision):
            yield


@functools.cache
def _start() -> None:
    """Imports TensorFlow and looks at the devices, whose noise is dropped."""
    with start.shared():
        import tensorflow as tf

        from trainer.api import learner  # noqa: F401

        tf.config.list_logical_devices()


def moments_of(
    x: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns columns' weighted mean and deviation, 1 where there is none.

    Args:
      x: float64 [rows, columns], as narrow as float64 tells them apart.
      weight: float64 [rows].
    """
    # Off a row of their own first, equal values are equal to their mean.
    rest = x - x[0]
    mean = np.average(rest, axis=0, weights=weight)
    std = np.sqrt(np.average((rest - mean) ** 2, axis=0, weights=weight))
    mean = mean + x[0]
    return mean, np.where(std > precision.NOISE * np.abs(mean), std, 1.0)
