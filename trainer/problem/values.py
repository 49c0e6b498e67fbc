"""Targets that are numbers: what the types of regression have in common."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.problem import scores
from trainer.problem.problem import Problem
from trainer.problem.problem import require
from trainer.process import columns
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import precision

if TYPE_CHECKING:
    import tensorflow as tf

# That are taken to float64 at once.
_BLOCK_ROWS = 2**16


class Values(Problem):
    """A number for each output, answered as it is.

    It is scored by a divergence of which the mean leaves least of all numbers
    (A. Banerjee and others 2005, Clustering with Bregman divergences). Its
    mean is the first metric, the absolute error the second, and the third the
    share that is explained, of what the rows' own mean leaves.

    Attributes:
      power: of the target's unit that the divergence has.
      bounds: of outputs, in words; None where they take any value.
    """

    has_labels = False
    sums = ("divergence", "absolute", "from_center", "center_divergence")
    power: ClassVar[int] = 1
    output_name = "values"
    output_meaning = ", in the target's own units"
    bounds: ClassVar[str | None] = None

    @classmethod
    def settle(
        cls,
        name: str,
        config: Config,
        dataset: Dataset,
        earlier: Problem | None = None,
    ) -> tuple[Self, Dataset]:
        stored = dataset.splits["train"].labels()
        problem, dataset = super().settle(name, config, dataset, earlier)
        if earlier is None:
            _check_told_apart(stored)
        chosen = config.data.target_normalization
        if chosen == "standardize" and cls.bounds is not None:
            raise UserError(
                "config.data.target_normalization='standardize' does not fit"
                f" problem {name!r}, whose outputs stay {cls.bounds}; use"
                " 'none'"
            )
        labels = dataset.splits["train"].labels().astype(np.float64)
        mean, std = labels.mean(axis=0), labels.std(axis=0)
        center = mean.astype(np.float32)
        shift, scale = np.zeros_like(center), np.ones_like(center)
        if chosen != "none":
            shift, scale = cls.shift(mean), cls.scale(mean, std)
        problem = dataclasses.replace(
            problem, target_mean=shift, target_std=scale, target_center=center
        )
        return problem, dataset

    @classmethod
    def convert(cls, key: str, y: np.ndarray) -> np.ndarray:
        y = y.reshape(len(y), -1)
        cls.check_values(key, y)
        fits = np.abs(y) <= np.finfo(np.float32).max
        require(fits, y, key, "targets fit float32")
        return y.astype(np.float32)

    @classmethod
    def check_values(cls, key: str, y: np.ndarray) -> None:
        """Checks targets [rows, outputs].

        Raises:
          UserError: one that the problem cannot have.
        """

    @classmethod
    def shift(cls, mean: np.ndarray) -> np.ndarray:
        """Returns what to take off targets, float32 [outputs].

        Args:
          mean: float64 [outputs], of the training rows' targets.
        """
        return np.zeros(len(mean), np.float32)

    @classmethod
    def scale(cls, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
        """Returns what to divide targets by then, float32 [outputs].

        Args:
          mean: as in `shift`.
          std: float64 [outputs], their deviation.
        """
        return np.ones(len(std), np.float32)

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        return ()

    def targets(self, y: "tf.Tensor") -> "tf.Tensor":
        return self.in_loss_units(super().targets(y))

    @property
    def sum_names(self) -> tuple[str, ...]:
        places = range(self.outputs)
        return ("loss", *(f"{name}_{i}" for name in self.sums for i in places))

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        import tensorflow as tf

        parts = (
            self.divergence(y, p, tf.math),
            tf.abs(p - y),
            # From the training mean: sums far from 0 would cancel.
            y - self.center,
            self.divergence(y, self.center, tf.math),
        )
        column = weight[:, None]
        return [tf.reduce_sum(part * column, axis=0) for part in parts]

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        y = self.in_loss_units(truth.astype(np.float64))
        p = self.in_loss_units(outputs.astype(np.float64))
        parts = (
            self.divergence(y, p, np),
            abs(p - y),
            y - self.center,
            self.divergence(y, self.center, np),
        )
        return np.concatenate(parts, axis=1)

    @property
    def center(self) -> np.ndarray:
        """The training targets' mean, as targets enter the loss: [outputs]."""
        assert self.target_center is not None
        return (self.target_center - self.target_mean) / self.target_std

    def divergence(self, y: Any, mean: Any, library: Any) -> Any:
        """Returns how far a mean is from each value.

        Args:
          y: values, [rows, outputs].
          mean: the mean of their distribution, of that shape or [outputs].
          library: whose arrays they are, np or tf.math.
        """
        raise NotImplementedError

    def label_sums(self, y: np.ndarray) -> dict[str, float]:
        """Returns the sums from the rows' own mean.

        Rows far from the training mean would differ from it alike, but for the
        last digits.
        """
        mean = self.in_loss_units(y.mean(axis=0, dtype=np.float64))
        spread = np.zeros(self.outputs)
        for start in range(0, len(y), _BLOCK_ROWS):
            block = y[start : start + _BLOCK_ROWS].astype(np.float64)
            apart = self.divergence(self.in_loss_units(block), mean, np)
            spread += apart.sum(axis=0)
        is_constant = y.min(axis=0) == y.max(axis=0)
        around = np.where(is_constant, 0.0, spread).tolist()
        return {
            name: value
            for i in range(self.outputs)
            for name, value in (
                (f"from_center_{i}", 0.0),
                (f"center_divergence_{i}", around[i]),
            )
        }

    def resampled(
        self, outputs: np.ndarray, truth: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        center = truth.mean(axis=0, dtype=np.float64)
        around_own = dataclasses.replace(self, target_center=center)
        return super(Values, around_own).resampled(outputs, truth, counts)

    def from_mean(self, totals: list[float], examples: int) -> list[float]:
        """Returns the divergence of the rows' own mean from the center.

        Args:
          totals: the sums of the targets' differences from the center.
          examples: rows that were summed, and that it is multiplied by.
        """
        means = self.center + np.array(totals) / examples
        return (self.divergence(means, self.center, np) * examples).tolist()

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        left, absolute, totals, around = (
            [sums[f"{name}_{i}"] for i in range(self.outputs)]
            for name in self.sums
        )
        off = self.from_mean(totals, examples)
        spread = [a - b for a, b in zip(around, off, strict=True)]
        figures = (
            self.mean(left, examples, self.power),
            self.mean(absolute, examples),
            explained(left, spread, around),
        )
        return dict(zip(self.metrics, figures, strict=False))

    def mean(self, column: list[float], examples: int, power: int = 1) -> float:
        """Returns a mean over rows and outputs, in the target's own units.

        Args:
          column: the sums of each output.
          examples: rows that were summed.
          power: of the target's unit that was summed.
        """
        assert self.target_std is not None
        units = [float(std) ** power for std in self.target_std]
        total = sum(s * unit for s, unit in zip(column, units, strict=True))
        return total / (examples * self.outputs)

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        return outputs

    def differ(
        self, outputs: np.ndarray, others: np.ndarray, tolerance: float
    ) -> np.ndarray:
        """No answer is told but the values themselves."""
        return np.zeros(len(outputs), bool)

    def detail(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        outputs = outputs.astype(np.float64)
        error = outputs - truth
        errors = (self.divergence(truth, outputs, np), abs(error))
        return {
            "intervals": {
                name: scores.of_mean(rows.mean(axis=1))
                for name, rows in zip(self.metrics, errors, strict=False)
            },
            "per_output": [
                {
                    "output": number,
                    "mae": float(abs(column).mean()),
                    "rmse": math.sqrt(float((column**2).mean())),
                    "mean_error": float(column.mean()),
                }
                for number, column in enumerate(error.T)
            ],
        }

    def wrongness(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return np.abs(outputs.astype(np.float64) - truth).max(axis=1)

    def say(self, answer: np.ndarray) -> str:
        return ", ".join(map(columns.rounded, answer[:4]))

    @property
    def output_columns(self) -> Sequence[str]:
        if self.outputs == 1:
            return ["value"]
        return [f"value_{i}" for i in range(self.outputs)]


def explained(
    left: list[float], spread: list[float], around: list[float]
) -> float:
    """Returns the share of the spread that is explained, outputs alike.

    Args:
      left: what the network leaves of each output's spread.
      spread: what the mean alone would leave.
      around: what the center would, of which the spread is a part: of sums in
        float32 a smaller one is none but rounding.

    Returns:
      1 where nothing is left. As scikit-learn's r2_score: a constant target
      scores 1 if met, else 0.
    """
    shares = [
        1 - part / whole if whole > 1e-6 * most else float(part == 0)
        for part, whole, most in zip(left, spread, around, strict=True)
    ]
    return sum(shares) / len(shares)


def _check_told_apart(y: np.ndarray) -> None:
    """Checks that float32, which the network answers in, tells targets apart.

    Args:
      y: numbers [rows] or [rows, outputs], as stored.

    Raises:
      UserError: it makes one of several.
    """
    y = y.reshape(len(y), -1)
    # Float64 would make one of whole numbers beyond 2^53, too.
    least = y.min(axis=0)
    above = np.uint64 if y.dtype.kind in "iu" else np.float64
    exact = np.subtract(y, least, dtype=above, casting="unsafe").astype(float)
    mean, std = least + exact.mean(axis=0), exact.std(axis=0)
    lost = precision.is_lost(
        precision.rounding(y), mean, std, is_whole=y.dtype.kind in "iub"
    )
    if lost.any():
        place = int(lost.argmax())
        scale, center = float(std[place]), float(mean[place])
        told = f"targets vary by {scale:.3g} around {center:,.12g}: too "
        if precision.is_extreme(mean, std)[place]:
            size = max(abs(center), scale)
            much, unit = ("much", size) if size > 1 else ("little", scale)
            remedy = f"divide them by one number, such as {unit:.0e}"
        else:
            much, remedy = (
                "little",
                "take an offset off them, such as the least",
            )
        raise UserError(
            f"{told}{much} for float32, in which the network answers; {remedy}"
        )
