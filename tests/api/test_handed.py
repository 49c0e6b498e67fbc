"""What a program hands over, before anything is trained on it."""

import numpy as np
import pandas as pd
import pytest

from trainer import sources
from trainer.api.handed import taken
from trainer.config import DataConfig
from trainer.process.exits import UserError

X = pd.DataFrame({"a": np.arange(40) % 7, "b": ["r", "g"] * 20})
Y = pd.Series(["u", "v", "v", "u"] * 10, name="kind")


def load(x, y, **more):
    given, _ = taken(x, y, None, more.get("test"), more.get("validation"))
    config = DataConfig(source="files")
    return sources.load(config, seed=0, data_dir=None, given=given)


@pytest.mark.parametrize("y", [Y, Y.to_frame()])
def test_labels_that_x_still_has_are_refused(y):
    with pytest.raises(UserError) as told:
        load(X.assign(kind=Y), y)
    assert "data: x has the column 'kind', as which y is" in str(told.value)
    assert load(X, y).encoding.target == "kind"


def test_labels_without_a_name_get_a_free_one():
    found = load(X.assign(target=X["a"]), Y.to_numpy())
    assert found.encoding.target == "target.1"
    assert any("'target.1'" in note for note in found.notes)


@pytest.mark.parametrize("y", [Y.to_numpy(), Y.rename("other"), Y])
@pytest.mark.parametrize("train_y", [Y, Y.to_numpy()])
def test_labels_of_test_rows_are_labels_whatever_they_are_called(train_y, y):
    found = load(X, train_y, test=(X[:8], y[:8]))
    assert found.splits["test"].examples == 8
    assert found.class_names == ("u", "v")
