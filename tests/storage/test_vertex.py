"""The folders that Vertex AI's environment names."""

import pytest

from trainer.process.exits import UserError
from trainer.storage import vertex

BASE = "gs://mine/runs/7"
GIVEN = {
    "AIP_CHECKPOINT_DIR": f"{BASE}/checkpoints/",
    "AIP_MODEL_DIR": f"{BASE}/model/",
    "AIP_TENSORBOARD_LOG_DIR": f"{BASE}/logs/",
}


@pytest.mark.parametrize(
    ("environment", "workdir"),
    [
        ({}, None),
        (GIVEN, BASE),
        (dict.fromkeys(GIVEN, ""), None),
        ({"AIP_CHECKPOINT_DIR": "/gcs/mine/7/checkpoints"}, "/gcs/mine/7"),
        # Of a serving container, say.
        ({"AIP_MODEL_DIR": f"{BASE}/model"}, None),
    ],
)
def test_their_parent_is_the_workdir(environment, workdir):
    assert vertex.workdir(environment) == workdir


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AIP_CHECKPOINT_DIR": "gs://mine/7"}, "must end with /checkpoints"),
        (
            GIVEN | {"AIP_MODEL_DIR": "gs://other/model/"},
            "of more than one folder",
        ),
    ],
)
def test_what_vertex_ai_would_not_give_is_refused(environment, words):
    with pytest.raises(UserError, match=words):
        vertex.workdir(environment)


def test_parts_are_those_of_the_named_workdir_alone(tmp_path):
    run = tmp_path / "run"
    given = {
        "AIP_CHECKPOINT_DIR": f"{run}/checkpoints/",
        "AIP_MODEL_DIR": f"{run}/model/",
    }
    assert vertex.folder_of(vertex.MODEL, run, given) == run / "model"
    assert vertex.folder_of(vertex.EVENTS, run, given) is None
    assert vertex.folder_of(vertex.MODEL, tmp_path / "other", given) is None
    assert vertex.folder_of(vertex.MODEL, run, {}) is None
