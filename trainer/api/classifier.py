"""Classes, by scikit-learn's interface."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.multiclass import unique_labels

from trainer.api.estimator import MLPEstimator


class MLPClassifier(ClassifierMixin, MLPEstimator):
    """A multilayer perceptron for classes, as scikit-learn's estimators are.

    Args:
      hidden_units: width of each hidden layer, first to last.
      activation: of the hidden layers.
      dropout: share of each hidden layer's outputs set to 0 in training.
      l2: weight of the penalty on the sum of the kernels' squares.
      optimizer: "sgd", "rmsprop", "adam" or "adamw".
      learning_rate: of the optimizer.
      batch_size: rows of a step.
      epochs: how often each row is trained on.
      class_weight: {class: weight}, "balanced", or None for 1 each.
      random_state: of the initial weights, the order of rows and dropout; a
        number is what a config calls its seed.
      fields: further fields of a config, by their dotted names, such as
        {"optimizer.schedule.name": "cosine"}: those of model., optimizer. and
        the loss, "precision" and "jit_compile", which is False by default.

    Attributes:
      classes_: the classes, sorted.
      n_iter_: epochs trained.
      loss_curve_: mean training loss of each epoch.
    """

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
        class_weight: Any = None,
        random_state: Any = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(
            hidden_units,
            activation=activation,
            dropout=dropout,
            l2=l2,
            optimizer=optimizer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            random_state=random_state,
            fields=fields,
        )
        self.class_weight = class_weight

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Trains anew.

        Args:
          X: numbers [rows, features], or a data frame of them.
          y: a class for each row.
          sample_weight: what each row counts in the loss, [rows].

        Raises:
          ValueError: there is one class alone, or a parameter is wrong.
        """
        self._forget()
        x, y = self._validated(X, y)
        check_classification_targets(y)
        weight, counts = self._weighted(x, sample_weight)
        x, y, weight = x[counts], y[counts], weight[counts]
        self.classes_ = unique_labels(y)
        if len(self.classes_) < 2:
            raise ValueError(
                f"{type(self).__name__} needs rows of 2 classes or more; the"
                f" data holds 1 class, {self.classes_.tolist()[0]!r}"
            )
        self._train(x, y, weight)
        return self

    def partial_fit(
        self,
        X: Any,  # noqa: N803
        y: Any,
        classes: Any = None,
        sample_weight: Any = None,
    ) -> Self:
        """Trains an epoch more on some rows, at the learning rate itself.

        A schedule is `fit`'s, which knows where it ends.
        Columns and weights are normalised as the first rows' were.

        Args:
          X: as in `fit`.
          y: as in `fit`.
          classes: all that there will be; needed at the first call.
          sample_weight: as in `fit`.

        Raises:
          ValueError: a class is new, or a parameter is wrong.
        """
        is_first = not self.__sklearn_is_fitted__()
        x, y = self._validated(X, y, reset=is_first)
        check_classification_targets(y)
        if is_first:
            if classes is None:
                raise ValueError(
                    "classes must be passed on the first call to partial_fit."
                )
            self.classes_ = unique_labels(classes)
        elif classes is not None and not np.array_equal(
            self.classes_, unique_labels(classes)
        ):
            raise ValueError(
                f"classes={classes!r} is not the same as on the last call to"
                f" partial_fit, {self.classes_!r}"
            )
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"y holds the class {unknown.tolist()[0]!r}, which is new"
            )
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all rows at once; compute it,"
                " and pass it as a dict"
            )
        weight, counts = self._weighted(x, sample_weight)
        x, y, weight = x[counts], y[counts], weight[counts]
        self._train(x, y, weight, is_part=True)
        return self

    def _by_class(self, weight: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Returns rows' weights times their classes'.

        Raises:
          ValueError: one is below 0 or of no class, or all are 0.
        """
        of_class = compute_class_weight(
            self.class_weight, classes=self.classes_, y=y
        )
        weight = weight * of_class[np.searchsorted(self.classes_, y)]
        if not (weight >= 0).all() or not weight.any():
            raise ValueError(
                f"class_weight={self.class_weight!r} must be 0 or more for"
                " each class, and more than 0 for one of the rows"
            )
        return weight

    def _train(
        self,
        x: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray,
        *,
        is_part: bool = False,
    ) -> None:
        count = len(self.classes_)
        self._fit_rows(
            x,
            np.searchsorted(self.classes_, y).astype(np.int32),
            self._by_class(weight, y),
            "binary" if count == 2 else "multiclass",
            count,
            is_part=is_part,
        )

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Returns each class's chance, float64 [rows, classes]."""
        chances = self._outputs_of(X)
        if chances.shape[1] == 1:
            return np.hstack([1 - chances, chances])
        return chances / chances.sum(axis=1, keepdims=True)

    def predict_log_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Returns the logarithms of `predict_proba`."""
        return np.log(self.predict_proba(X))

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Returns each row's likeliest class, [rows]."""
        chances = self.predict_proba(X)
        return self.classes_[chances.argmax(axis=1)]
