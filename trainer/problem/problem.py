"""What every problem has and does; the rest is its type's own.

A type is a module of its own, `count.py` of "count", with the class `Count`.
It says what follows from the kind of question, after the table "last-layer
activation and loss function for common problem types" of the Keras course
notes: a config names a problem, so that a wrong pair of activation and loss
cannot be chosen. Labels are checked before TensorFlow is imported, so that it
is imported inside the methods that build graphs alone.

In what follows, labels are as `convert` left them; outputs are the network's,
float32 [rows, outputs], in the target's own units (`in_units`); an answer is
a row of what `decide` returns, and may be a row of labels.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import ClassVar
from typing import Self
from typing import TYPE_CHECKING

import numpy as np

from trainer.config import Config
from trainer.config import EvaluationConfig
from trainer.problem import roc_area
from trainer.problem.decisions import best_temperature
from trainer.problem.decisions import USUAL_THRESHOLD
from trainer.process.columns import number
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split
from trainer.sources.dataset import evenly_spaced
from trainer.sources.splits import of_examples

if TYPE_CHECKING:
    import tensorflow as tf

MOST_GUESSED_ROWS = 10_000


@dataclasses.dataclass(frozen=True)
class Problem:
    """A type of problem, settled for one dataset.

    Loss and metrics are sums that replicas add and the host divides once. A
    step returns sums over its rows, rows of weight 0 left out. Sums of steps
    are added in Python floats, so that neither the batch, nor the chunk, nor
    the number of replicas shows in a result but by the rounding within a batch.

    Attributes:
      losses: that a config may name, the type's own first.
      keras_losses: how Keras names them, where that is otherwise.
      sums: names of what `batch_sums` returns.
      usual_score: the metric that the last line of a run shows.
      lower_is_better: "loss", and the metrics of which less is better.
      of_last_class: metrics that tell of the last class alone.
      has_labels: whether an answer is one of some named classes or labels.
      has_class: whether it is one class, which a SavedModel serves, too.
      takes_threshold: whether one can be chosen for it.
      takes_top_k: whether its K most probable classes can be told.
      output_name: what the network's outputs are called.
      output_meaning: more of them, for the model card.
      type: its name in a config, and its module's.
      activation: of the last layer.
      loss: Keras's name of it.
      metrics: names, in the order they are shown.
      outputs: units of the last layer.
      one_hot: whether classes reach the loss as one-hot rows.
      class_names: one for each class or label.
      target_mean, target_std: float32 [outputs]; targets enter the loss as
        (y - mean) / std, and predictions leave by the inverse. None where
        targets are not values.
      target_center: float32 [outputs], mean of the training rows' targets.
      headline: takes the place of `usual_score`, where it is not "".
      class_weights: of the classes' rows in the loss; () where all count 1.
      focal_gamma: of the loss "focal".
      label_smoothing: of the loss of classes and labels.
      threshold: above which a chance is a yes.
      temperature: that the network's logits were divided by.
    """

    losses: ClassVar[tuple[str, ...]]
    keras_losses: ClassVar[Mapping[str, str]] = {}
    sums: ClassVar[tuple[str, ...]]
    usual_score: ClassVar[str]
    lower_is_better: ClassVar[tuple[str, ...]] = ("loss",)
    of_last_class: ClassVar[tuple[str, ...]] = ()
    has_labels: ClassVar[bool] = True
    has_class: ClassVar[bool] = False
    takes_top_k: ClassVar[bool] = False
    takes_threshold: ClassVar[bool] = False
    output_name: ClassVar[str] = "probabilities"
    output_meaning: ClassVar[str] = ""

    type: str
    activation: str
    loss: str
    metrics: tuple[str, ...]
    outputs: int
    one_hot: bool
    class_names: tuple[str, ...]
    target_mean: np.ndarray | None = None
    target_std: np.ndarray | None = None
    target_center: np.ndarray | None = None
    headline: str = ""
    class_weights: tuple[float, ...] = ()
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    threshold: float = USUAL_THRESHOLD
    temperature: float = 1.0

    @classmethod
    def settle(
        cls,
        name: str,
        config: Config,
        dataset: Dataset,
        earlier: "Problem | None" = None,
    ) -> tuple[Self, Dataset]:
        """Settles the problem for a dataset, and converts every label.

        Args:
          name: of the type.
          config: of the run.
          dataset: labels as they are stored.
          earlier: the problem of the run that the data is for, whose classes
            hold; None to settle them by the training rows.

        Raises:
          UserError: a loss or a label that the problem does not have.
        """
        loss = config.loss or cls.losses[0]
        if loss not in cls.losses:
            raise UserError(
                f"config.loss={loss!r} does not fit problem {name!r}, which"
                f" takes {' or '.join(cls.losses)}"
            )
        done: dict[int, np.ndarray] = {}  # splits may share an array
        splits = {}
        for key, split in dataset.splits.items():
            if id(split.y) not in done:
                done[id(split.y)] = cls.convert(key, np.asarray(split.y))
            splits[key] = dataclasses.replace(split, y=done[id(split.y)])
        dataset = dataclasses.replace(dataset, splits=splits)
        problem = cls(
            name,
            cls.activation,  # type: ignore[misc]  # each type's own
            cls.keras_losses.get(loss, loss),
            cls.metrics,  # type: ignore[misc]
            cls.count_outputs(dataset),
            False,
            dataset.class_names,
        )
        return problem, dataset

    @classmethod
    def names_of_losses(cls) -> frozenset[str]:
        """Returns what `loss` may be: Keras's names of `losses`."""
        return frozenset(cls.keras_losses.get(n, n) for n in cls.losses)

    @classmethod
    def convert(cls, key: str, y: np.ndarray) -> np.ndarray:
        """Checks a split's labels, and returns them as the step takes them.

        Args:
          key: the split's name.
          y: labels as they are stored, [rows] or [rows, columns].

        Returns:
          int32 [rows] classes, uint8 [rows, outputs] marks or float32 [rows,
          outputs] values.

        Raises:
          UserError: labels of the wrong kind or range.
        """
        raise NotImplementedError

    @classmethod
    def count_outputs(cls, dataset: Dataset) -> int:
        """Counts the last layer's units by converted labels.

        Raises:
          UserError: too few classes, or more than the training rows have.
        """
        return dataset.splits["train"].y.shape[1]

    def as_asked(self, config: Config, y: np.ndarray) -> Self:
        """Returns the problem with what a config says of loss and score.

        Args:
          config: of the run.
          y: the training rows' labels, converted.

        Raises:
          UserError: a field that the problem does not have.
        """
        for field, value in (
            ("data.class_weight", config.data.class_weight),
            ("label_smoothing", config.label_smoothing),
            (
                "evaluation.temperature_scaling",
                config.evaluation.temperature_scaling,
            ),
        ):
            if value:
                raise UserError(
                    f"config.{field}={value!r} is for classes, and problem"
                    f" {self.type!r} has none; leave it out"
                )
        return self

    def told(self) -> list[str]:
        """Says what a reader of its scores should know, in a few words each."""
        return []

    @property
    def score(self) -> str:
        """The metric that the last line of a run shows."""
        return self.headline or self.usual_score

    def bounds_of(self, metric: str) -> tuple[float, float]:
        """Returns the least and the greatest that a metric can be.

        Shares are from 0 to 1, errors 0 or more, and what is explained of a
        variance at most 1; a loss may be anything, as that of counts is.
        """
        if metric == "loss":
            return (-math.inf, math.inf)
        if metric in self.lower_is_better:
            return (0.0, math.inf)
        return (0.0 if self.has_labels else -math.inf, 1.0)

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """A name for each class or label, its number where it has none."""
        return self.class_names or tuple(map(str, range(self.outputs)))

    # How it is trained and scored.

    def targets(self, y: "tf.Tensor") -> "tf.Tensor":
        """Returns labels as the loss takes them: float32 [rows, outputs]."""
        import tensorflow as tf

        return tf.reshape(tf.cast(y, tf.float32), [-1, self.outputs])

    def row_losses(self, y: "tf.Tensor", p: "tf.Tensor") -> "tf.Tensor":
        """Returns the loss of each row, float32 [rows].

        Args:
          y: from `targets`.
          p: the model's output, float32 [rows, outputs], in no unit yet.
        """
        import keras

        losses = getattr(keras.losses, self.loss)(y, p, **self.loss_options)
        return losses * self.weight_of(y) if self.class_weights else losses

    @property
    def loss_options(self) -> dict[str, float]:
        """What Keras's loss takes beside targets and outputs."""
        return {}

    def weight_of(self, y: "tf.Tensor") -> "tf.Tensor":
        """Returns what each row counts in the loss, float32 [rows].

        Args:
          y: from `targets`.
        """
        raise NotImplementedError

    def row_weights(self, y: np.ndarray) -> np.ndarray:
        """Does in NumPy what `weight_of` does, of labels: float64 [rows]."""
        if not self.class_weights:
            return np.ones(len(y))
        return np.array(self.class_weights)[y]

    @property
    def sum_names(self) -> tuple[str, ...]:
        """Names the entries of the vector that `step_sums` returns."""
        return ("loss", *self.sums)

    def step_sums(
        self,
        y: "tf.Tensor",
        p: "tf.Tensor",
        losses: "tf.Tensor",
        weight: "tf.Tensor",
    ) -> "tf.Tensor":
        """Returns the sums over one batch, float32 [len(sum_names)].

        Args:
          y: as in `row_losses`.
          p: as in `row_losses`.
          losses: float32 [rows].
          weight: float32 [rows], 1 for a row that counts and 0 for padding.
        """
        import tensorflow as tf

        loss = tf.reduce_sum(losses * weight)
        return tf.concat([[loss], *self.batch_sums(y, p, weight)], axis=0)

    def batch_sums(
        self, y: "tf.Tensor", p: "tf.Tensor", weight: "tf.Tensor"
    ) -> list[Any]:
        """Returns the sums beside the loss's: vectors, or lists of numbers."""
        raise NotImplementedError

    @property
    def has_area(self) -> bool:
        """Whether rows are counted by their score, for "auc"."""
        return "auc" in self.metrics

    def values(
        self,
        sums: Mapping[str, float],
        examples: int,
        scores: np.ndarray | None = None,
    ) -> dict[str, float]:
        """Divides sums once, in Python floats.

        Args:
          sums: by the names of `sum_names`.
          examples: rows of weight 1 that were summed.
          scores: int [outputs, 2, SCORE_BINS] where rows were counted.

        Returns:
          "loss" and the problem's metrics. Areas are left out where no label
          has both positives and negatives.
        """
        found = self.metrics_of(sums, examples)
        if scores is not None:
            found |= roc_area.areas(scores)
        told = {name: v for name, v in found.items() if name in self.metrics}
        return {"loss": sums["loss"] / examples, **told}

    def metrics_of(
        self, sums: Mapping[str, float], examples: int
    ) -> dict[str, float]:
        """Returns the metrics that sums are enough for."""
        raise NotImplementedError

    def label_sums(self, y: np.ndarray) -> dict[str, float]:
        """Returns sums that labels alone decide, exacter than a step adds them.

        Args:
          y: labels of all rows that are scored.
        """
        return {}

    # What it is held against.

    def as_outputs(self, y: np.ndarray) -> np.ndarray:
        """Returns labels as outputs that meet them: float64 [rows, outputs]."""
        return y.reshape(len(y), self.outputs).astype(np.float64)

    def guess(self, y: np.ndarray) -> np.ndarray:
        """Returns the answer that looks at no row: labels' mean, [outputs].

        Of classes it is their shares, so that the commonest is answered.

        Args:
          y: of the training rows.
        """
        return self.as_outputs(y).mean(axis=0)

    def guess_loss(self, train: Split) -> float:
        """Returns the mean training loss of `guess`.

        Args:
          train: whose rows are guessed, up to 10,000 of them.
        """
        taken = evenly_spaced(train.examples, MOST_GUESSED_ROWS)
        some, counts = train.labels()[taken], np.ones(len(taken))
        if train.weights is not None:
            counts = of_examples(train, train.relative_weights())[taken]
        weights = self.row_weights(some) * counts
        if not weights.any():
            return 0.0
        return self._loss_of_guess(some, counts, weights)

    def _loss_of_guess(
        self, some: np.ndarray, counts: np.ndarray, weights: np.ndarray
    ) -> float:
        """Returns the mean training loss of `guess` on some rows.

        Args:
          some: their labels.
          counts: float64 [rows], what each counts in the loss.
          weights: the same, times the weight of its class.
        """
        import tensorflow as tf

        mean = weights @ self.as_outputs(some) / weights.sum()
        outputs = np.float32(self.in_loss_units(mean))
        targets = self.targets(tf.constant(some))
        told = np.broadcast_to(outputs, (len(some), self.outputs))
        losses = self.row_losses(targets, tf.constant(told))
        return float(np.mean(losses.numpy() * counts))

    def row_sums(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Returns what `batch_sums` adds up, in NumPy: float64 [rows, sums]."""
        raise NotImplementedError

    def has_score(self, truth: np.ndarray) -> bool:
        """Whether rows of these labels have `score` at all."""
        return True

    def resampled(
        self, outputs: np.ndarray, truth: np.ndarray, counts: np.ndarray
    ) -> np.ndarray:
        """Returns `score` where each row counts several times.

        Args:
          outputs: [rows, outputs], in the target's own units.
          truth: labels of the rows.
          counts: how often each row counts, float64 [draws, rows].

        Returns:
          float64 [draws]; NaN where a draw has no score.
        """
        examples = round(float(counts[0].sum()))
        totals = counts @ self.row_sums(outputs, truth)
        names = self.sum_names[1:]
        return np.array(
            [
                self.metrics_of(dict(zip(names, row, strict=True)), examples)[
                    self.score
                ]
                for row in totals.tolist()
            ]
        )

    # What is fitted on validation rows, once the weights are settled.

    def temperature_of(
        self,
        outputs: np.ndarray,
        truth: np.ndarray,
        on_loss: Callable[[], None] = lambda: None,
    ) -> float:
        """Returns the temperature that makes the loss of chances the least.

        Args:
          outputs: chances, float32 [rows, outputs].
          truth: labels of the rows.
          on_loss: called after each of some hundred losses of all rows.
        """

        def loss(temperature: float) -> float:
            found = self.tempered_loss(outputs, truth, temperature)
            on_loss()
            return found

        return best_temperature(loss)

    def tempered_loss(
        self, outputs: np.ndarray, truth: np.ndarray, temperature: float
    ) -> float:
        """Returns the mean cross-entropy at a temperature."""
        raise NotImplementedError

    def threshold_of(
        self,
        outputs: np.ndarray,
        truth: np.ndarray,
        config: EvaluationConfig,
    ) -> float:
        """Returns the threshold that a config has chosen on these rows."""
        return self.threshold

    def has_decision(self, config: EvaluationConfig) -> bool:
        """Whether something is fitted on validation rows."""
        return config.temperature_scaling

    def say_score(self, values: Mapping[str, float]) -> str:
        """Says the metric of the last line, such as "97.95%"."""
        if self.score not in values:
            return f"none ({self.score} takes rows with the class and without)"
        return f"{number(values[self.score])} ({self.score})"

    def detail(self, outputs: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
        """Looks at a split's outputs and labels row by row.

        Returns:
          "intervals" {metric: [low, high]}; for classes also "per_class",
          "confusion" and "calibration"; for values "per_output".
        """
        raise NotImplementedError

    def chances(
        self, outputs: np.ndarray, truth: np.ndarray
    ) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
        """Yields (name, marks [rows], chances [rows]) of each label.

        Labels that a threshold decides on have a precision-recall curve.
        """
        yield from ()

    def wrongness(self, outputs: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """Returns the probability given to what is false, or the error: [rows].

        It is 0 where a row is right.
        """
        raise NotImplementedError

    # What it answers, and how that is said.

    def in_units(self, outputs: Any) -> Any:
        """Returns outputs in the target's own units; probabilities stay.

        Args:
          outputs: float32 [rows, outputs], of NumPy, TensorFlow or Keras.
        """
        if self.target_mean is None:
            return outputs
        return outputs * self.target_std + self.target_mean

    def in_loss_units(self, outputs: Any) -> Any:
        """Undoes `in_units`."""
        if self.target_mean is None:
            return outputs
        return (outputs - self.target_mean) / self.target_std

    def decide(self, outputs: np.ndarray) -> np.ndarray:
        """Returns each row's answer.

        Returns:
          int64 [rows] classes, int64 [rows, labels] marks, or the values.
        """
        raise NotImplementedError

    def served(self, outputs: "tf.Tensor") -> dict[str, "tf.Tensor"]:
        """Returns what a SavedModel serves, by name."""
        return {self.output_name: outputs}

    def differ(
        self, outputs: np.ndarray, others: np.ndarray, tolerance: float
    ) -> np.ndarray:
        """Whether two networks' answers differ by more than a tie: bool [rows].

        Args:
          outputs: of one network.
          others: of the other.
          tolerance: within which rounding alone decides.
        """
        differ = self.decide(outputs) != self.decide(others)
        differ = differ.reshape(len(outputs), -1).any(axis=1)
        return differ & ~self.is_tie(outputs, tolerance)

    def is_tie(self, outputs: np.ndarray, tolerance: float) -> np.ndarray:
        """Whether rounding alone decides on a row's answer, bool [rows]."""
        raise NotImplementedError

    def say(self, answer: np.ndarray) -> str:
        """Says one row's answer."""
        raise NotImplementedError

    @property
    def answer_columns(self) -> Sequence[str]:
        """Names the columns of `answer_cells`."""
        return ()

    @property
    def output_columns(self) -> Sequence[str]:
        """Names the columns of the outputs, where predictions are a table."""
        return [f"probability_{label}" for label in self.labels]

    def answer_cells(self, answer: np.ndarray) -> Sequence[str]:
        """Returns one row's answer as a table's cells, before its outputs."""
        return ()

    def answer_json(self, answer: np.ndarray) -> dict[str, Any]:
        """Returns one row's answer as JSON values, beside its outputs."""
        return {}


def require(good: np.ndarray, y: np.ndarray, key: str, rule: str) -> None:
    """Refuses labels of which some are not good.

    Args:
      good: bool, of the shape of y or [rows].
      y: labels of a split.
      key: the split's name.
      rule: what they must be.

    Raises:
      UserError: naming the first that is not good.
    """
    bad = np.flatnonzero(~good.reshape(len(y), -1).all(axis=1))
    if len(bad):
        raise UserError(
            f"y_{key}[{bad[0]}]={np.asarray(y[bad[0]]).tolist()}: {rule};"
            " correct the labels or set --config.problem"
        )


def ratio(part: float, whole: float) -> float:
    """Returns a share, 0 of nothing, as scikit-learn's metrics do."""
    return part / whole if whole else 0.0
