"""What is told of a model is true of the weights that answer."""

import numpy as np
import pytest

from tests import asking
from trainer.finished import stored_run
from trainer.server.settings import Limits
from trainer.server.settings import Settings


@pytest.mark.parametrize("checkpoint", [None, "last", "36"])
def test_scores_of_other_weights_are_not_told(trained, checkpoint):
    run = stored_run.read(trained("binary"))
    settings = Settings(
        (("cells", str(run.workdir.path)),),
        checkpoint=checkpoint,
        runtime="tensorflow",
        limits=Limits(batch_rows=4),
    )
    with asking.serving(settings) as server:
        told = server.ask("/v1/models/cells/about").value
        shape = [2, *run.record["data"]["x"]["shape"]]
        rows = {"instances": np.zeros(shape).tolist()}
        assert server.ask("/v1/models/cells:predict", rows).status == 200
        numbers = server.ask("/metrics").body.decode()
    is_own = told["step"] == 60
    assert is_own == (checkpoint != "36")
    assert told["split"] == ("test" if is_own else None)
    assert told["scores"] == (run.final if is_own else {})
    assert bool(told["per_class"]) == is_own
    unknown = 'drift_expected_accuracy_ratio{model="cells"} NaN'
    assert (unknown not in numbers) == is_own
