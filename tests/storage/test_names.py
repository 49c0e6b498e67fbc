"""Names of folders in a bucket, and of checkpoints."""

import pytest

from trainer.process.exits import UserError
from trainer.storage.names import checkpoint_name
from trainer.storage.names import split_remote
from trainer.storage.names import step_of


@pytest.mark.parametrize(
    "name",
    [
        "gs://",
        "gs://bucket",
        "gs://bucket/",
        "gs://Bucket/run",
        "gs:///run",
        "gs://b/run",
        "gs://bucket/a//b",
        "gs://bucket/../b",
        "gs://bucket/./b",
        "gs://bucket/a*",
        "gs://bucket/a#1",
        "gs://bucket/a\nb",
    ],
)
def test_a_malformed_name_is_a_mistake(name):
    with pytest.raises(UserError, match="must be gs://BUCKET/PATH"):
        split_remote(name)


@pytest.mark.parametrize("step", [0, 7, 99_999_999, 100_000_000])
def test_a_checkpoints_name_tells_its_step(step):
    assert step_of(checkpoint_name(step)) == step


@pytest.mark.parametrize(
    "name", [".step_00000007", "step_7", "step_00000007.bak", "step_0000000x"]
)
def test_what_is_no_checkpoint_has_no_step(name):
    assert step_of(name) is None
