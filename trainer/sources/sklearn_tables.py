"""scikit-learn's small tables of real measurements; nothing is downloaded."""

from typing import Any

import numpy as np

from trainer.sources.dataset import Dataset
from trainer.sources.dataset import Split


def _table(
    name: str, bunch: Any, names: tuple[str, ...], origin: str
) -> Dataset:
    split = Split(np.ascontiguousarray(bunch.data), bunch.target)
    return Dataset(
        name=name,
        splits={"train": split},
        kind="table",
        class_names=names,
        feature_names=tuple(map(str, bunch.feature_names)),
        origin=origin + ", as shipped in scikit-learn",
    )


def load_breast_cancer() -> Dataset:
    """Returns float64 [569, 30]; int64 classes 0 (malignant), 1 (benign)."""
    from sklearn import datasets

    return _table(
        "breast_cancer",
        datasets.load_breast_cancer(),
        ("malignant", "benign"),
        "Breast Cancer Wisconsin, diagnostic (W. Wolberg and others 1995, UCI"
        " Machine Learning Repository, CC BY 4.0)",
    )


def load_wine() -> Dataset:
    """Returns float64 [178, 13]; int64 classes 0 to 2, the cultivars."""
    from sklearn import datasets

    return _table(
        "wine",
        datasets.load_wine(),
        ("cultivar 0", "cultivar 1", "cultivar 2"),
        "Wine (S. Aeberhard and M. Forina 1991, UCI Machine Learning"
        " Repository, CC BY 4.0)",
    )


def load_diabetes() -> Dataset:
    """Returns float64 [442, 10]; float64 values from 25 to 346.

    The value is a measure of how far the disease went on in a year.
    """
    from sklearn import datasets

    return _table(
        "diabetes",
        datasets.load_diabetes(),
        (),
        "Diabetes (B. Efron, T. Hastie, I. Johnstone and R. Tibshirani 2004,"
        " Least Angle Regression)",
    )
