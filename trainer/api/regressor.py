"""Values, by scikit-learn's interface."""

from typing import Any
from typing import Self

import numpy as np
from sklearn.base import RegressorMixin

from trainer.api.estimator import MLPEstimator
from trainer.api.estimator import moments_of
from trainer.api.estimator import scaled
from trainer.api.estimator import told
from trainer.sources.checks import check_finite


class MLPRegressor(RegressorMixin, MLPEstimator):
    """A multilayer perceptron for values, as scikit-learn's estimators are.

    Its parameters are those of `MLPClassifier`, `class_weight` left out.

    Attributes:
      n_iter_: epochs trained.
      loss_curve_: mean training loss of each epoch, of values of deviation 1.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Trains anew.

        Args:
          X: numbers [rows, features], or a data frame of them.
          y: values [rows] or [rows, outputs].
          sample_weight: what each row counts in the loss, [rows].

        Raises:
          ValueError: a parameter is wrong.
        """
        self._train(X, y, sample_weight, is_part=False)
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:  # noqa: N803
        """Trains an epoch more on some rows, at the learning rate itself.

        A schedule is `fit`'s, which knows where it ends.
        Columns, values and weights are normalised as the first rows' were.

        Args:
          X: as in `fit`.
          y: as in `fit`.
          sample_weight: as in `fit`.

        Raises:
          ValueError: y has other columns, or a parameter is wrong.
        """
        self._train(X, y, sample_weight, is_part=True)
        return self

    def _train(
        self,
        X: Any,  # noqa: N803
        y: Any,
        sample_weight: Any,
        *,
        is_part: bool,
    ) -> None:
        if not is_part:
            self._forget()
        is_anew = not self.__sklearn_is_fitted__()
        x, y = self._validated(
            X, y, multi_output=True, y_numeric=True, reset=is_anew
        )
        y = y.astype(np.float64)
        weight, counts = self._weighted(x, sample_weight)
        x, y, weight = x[counts], y[counts], weight[counts]
        wide = y.reshape(len(y), -1)
        with told():
            check_finite("y", wide)
        if is_anew:
            self._is_wide = y.ndim == 2
            self._target_mean, self._target_std = moments_of(wide, weight)
        elif wide.shape[1] != self._outputs:
            raise ValueError(
                f"y has {wide.shape[1]} value(s) a row, and that of the first"
                f" call had {self._outputs}; give as many, or fit anew"
            )
        self._fit_rows(
            x,
            scaled("y", wide, self._target_mean, self._target_std),
            weight,
            "regression",
            wide.shape[1],
            is_part=is_part,
        )

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Returns each row's values, float64 [rows] or [rows, outputs]."""
        values = self._outputs_of(X) * self._target_std + self._target_mean
        return values if self._is_wide else values[:, 0]
