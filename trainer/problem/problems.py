"""Problem type -> last activation, loss, metrics, labels: the problem table.

After the table "last-layer activation and loss function for common problem
types" of the Keras course notes. A config names a problem, so that a wrong
pair of activation and loss cannot be chosen. NumPy alone: labels are checked
before TensorFlow is imported.
"""

import dataclasses

import numpy as np

from trainer.config import Config
from trainer.input.moments import divisor
from trainer.process.exits import UserError
from trainer.sources import Dataset
from trainer.sources import Split

# Integer labels of more distinct values than this are read as quantities.
MOST_CLASSES_GUESSED = 1000
# A label beyond this is an identifier: each class takes a unit of the output.
MOST_CLASSES = 100_000
LOWER_IS_BETTER = ("loss", "mae", "mse")


@dataclasses.dataclass(frozen=True)
class ProblemType:
    """A row of the table: what follows from the kind of question."""

    activation: str
    losses: tuple[str, ...]
    metrics: tuple[str, ...]


TABLE = {
    "binary": ProblemType(
        "sigmoid",
        ("binary_crossentropy",),
        ("accuracy", "precision", "recall", "auc"),
    ),
    "multiclass": ProblemType(
        "softmax", ("categorical_crossentropy",), ("accuracy",)
    ),
    "multilabel": ProblemType(
        "sigmoid",
        ("binary_crossentropy",),
        ("binary_accuracy", "exact_match", "f1_micro", "auc"),
    ),
    "regression": ProblemType("linear", ("mse",), ("mse", "mae", "r2")),
    "bounded_regression": ProblemType(
        "sigmoid", ("mse", "binary_crossentropy"), ("mse", "mae", "r2")
    ),
}


@dataclasses.dataclass(frozen=True)
class Problem:
    """A row of the table, settled for one dataset.

    Attributes:
      type: the row's name in TABLE.
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
    """

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

    @property
    def score(self) -> str:
        """The metric that the last line of a run shows."""
        return "r2" if "r2" in self.metrics else self.metrics[0]


def guess(labels: np.ndarray) -> str:
    """Names the problem type that labels [rows] or [rows, outputs] fit.

    Two columns or more of zeros and ones are classes, where each row holds one
    1, and independent labels otherwise. Integers are classes where there are
    few of them against the rows; all else is values.
    """
    wide = labels.ndim == 2 and labels.shape[1] > 1
    marks = bool(np.isin(labels, (0, 1)).all())
    if wide and marks:
        one_hot = bool((labels.sum(axis=1) == 1).all())
        return "multiclass" if one_hot else "multilabel"
    if wide or not (marks or np.issubdtype(labels.dtype, np.integer)):
        return "regression"
    distinct = len(np.unique(labels))
    if marks and distinct == 2:
        return "binary"
    few = distinct <= min(MOST_CLASSES_GUESSED, max(2, len(labels) // 2))
    return "multiclass" if few else "regression"


def settle(config: Config, dataset: Dataset) -> tuple[Problem, Dataset]:
    """Settles the problem for a dataset and checks every label.

    Returns:
      The problem, and the dataset with labels as the step takes them: int32
      [rows] classes, uint8 [rows, outputs] marks or float32 [rows, outputs]
      values.

    Raises:
      UserError: labels of the wrong kind or range, or a loss that the problem
        does not have.
    """
    train = dataset.splits["train"]
    name = config.problem
    if name == "auto":
        name = guess(train.labels())
    row = TABLE[name]
    loss = config.loss or row.losses[0]
    if loss not in row.losses:
        raise UserError(
            f"config.loss={loss!r} does not fit problem {name!r}, which takes"
            f" {' or '.join(row.losses)}"
        )
    dataset = dataclasses.replace(
        dataset,
        splits={
            key: dataclasses.replace(split, y=_labels(name, key, split))
            for key, split in dataset.splits.items()
        },
    )
    outputs = _outputs(name, dataset)
    one_hot = name == "multiclass" and config.label_encoding == "one_hot"
    if name == "multiclass" and not one_hot:
        loss = "sparse_categorical_crossentropy"
    if loss == "mse":
        loss = "mean_squared_error"  # the function's name in keras.losses
    problem = Problem(
        name,
        row.activation,
        loss,
        row.metrics,
        outputs,
        one_hot,
        dataset.class_names,
        *_target_scale(name, config, dataset),
    )
    _check_selection(config, problem, dataset)
    return problem, dataset


def _labels(name: str, key: str, split: Split) -> np.ndarray:
    """Returns a split's labels as the step takes them, or says what is off."""
    y = np.asarray(split.y)
    if name in ("binary", "multiclass"):
        return _classes(name, key, y)
    y = y.reshape(len(y), -1)
    if name == "multilabel":
        _require(
            np.isin(y, (0, 1)),
            y,
            key,
            "labels of problem 'multilabel' are 0 or 1",
        )
        return y.astype(np.uint8)
    if name == "bounded_regression":
        _require(
            (y >= 0) & (y <= 1),
            y,
            key,
            "targets of problem 'bounded_regression' lie in [0, 1]",
        )
    _require(
        np.abs(y) <= np.finfo(np.float32).max, y, key, "targets fit float32"
    )
    return y.astype(np.float32)


def _classes(name: str, key: str, y: np.ndarray) -> np.ndarray:
    if y.ndim == 2 and y.shape[1] > 1:
        one_hot = np.isin(y, (0, 1)).all(axis=1) & (y.sum(axis=1) == 1)
        _require(one_hot, y, key, "rows of one-hot labels hold a single 1")
        y = y.argmax(axis=1)
    y = y.reshape(-1)
    if name == "binary":
        _require(
            np.isin(y, (0, 1)), y, key, "labels of problem 'binary' are 0 or 1"
        )
    _require(
        (y >= 0) & (y == np.floor(y)) & (y < MOST_CLASSES),
        y,
        key,
        f"classes are whole numbers from 0 to at most {MOST_CLASSES - 1}",
    )
    return y.astype(np.int32)


def _require(good: np.ndarray, y: np.ndarray, key: str, rule: str) -> None:
    bad = np.flatnonzero(~good.reshape(len(y), -1).all(axis=1))
    if len(bad):
        raise UserError(
            f"y_{key}[{bad[0]}]={np.asarray(y[bad[0]]).tolist()}: {rule};"
            " correct the labels or set --config.problem"
        )


def _outputs(name: str, dataset: Dataset) -> int:
    train = dataset.splits["train"]
    if name == "binary":
        return 1
    if name != "multiclass":
        return train.y.shape[1]
    classes = len(dataset.class_names) or int(train.y.max()) + 1
    for key, split in dataset.splits.items():
        _require(
            split.y < classes,
            split.y,
            key,
            f"classes run from 0 to {classes - 1} in y_train",
        )
    if classes < 2:
        raise UserError(
            "y_train holds a single class; a classification needs two or more"
        )
    return classes


def _target_scale(
    name: str, config: Config, dataset: Dataset
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Returns (mean, std, center) of the targets, where they are values."""
    if "regression" not in name:
        return None, None, None
    chosen = config.data.target_normalization
    if chosen == "standardize" and name == "bounded_regression":
        raise UserError(
            "config.data.target_normalization='standardize' does not fit"
            " problem 'bounded_regression', whose outputs stay in [0, 1]; use"
            " 'none'"
        )
    labels = dataset.splits["train"].labels().astype(np.float64)
    mean = labels.mean(axis=0)
    center = mean.astype(np.float32)
    if name == "bounded_regression" or chosen == "none":
        return np.zeros_like(center), np.ones_like(center), center
    return center, divisor(mean, labels.std(axis=0)), center


def _check_selection(
    config: Config, problem: Problem, dataset: Dataset
) -> None:
    metric = config.evaluation.select_by
    if metric is None:
        return
    known = ("loss", *problem.metrics)
    if metric not in known:
        raise UserError(
            f"config.evaluation.select_by={metric!r} is none of"
            f" {', '.join(known)}, the metrics of problem {problem.type!r}"
        )
    if "validation" not in dataset.splits:
        raise UserError(
            f"config.evaluation.select_by={metric!r} needs a validation split;"
            " set config.data.validation_fraction, such as 0.1"
        )


def to_values(problem: Problem, outputs: np.ndarray) -> np.ndarray:
    """Returns outputs in the target's own units; probabilities stay."""
    if problem.target_mean is None:
        return outputs
    return outputs * problem.target_std + problem.target_mean
