"""What tests of the server share: one that serves a run of each problem."""

import shutil

import pytest

from tests import asking
from tests.runs import TRAINED
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.serving import export

MOST_ROWS = 16


# Other tests write exports of the runs that all share.
NOT_OURS = shutil.ignore_patterns("export")


@pytest.fixture(scope="session")
def server(trained, flowers, tmp_path_factory):
    """A server of a run of each problem by its name, and of "flowers"."""
    folder = tmp_path_factory.mktemp("served")
    runs = {problem: trained(problem) for problem in TRAINED}
    runs["flowers"] = flowers[0]
    for name, run in runs.items():
        shutil.copytree(run, folder / name, ignore=NOT_OURS)
    places = [(name, str(folder / name)) for name in runs]
    limits = Limits(batch_rows=MOST_ROWS, request_rows=100)
    settings = Settings(tuple(places), runtime="tensorflow", limits=limits)
    with asking.serving(settings) as found:
        yield found


@pytest.fixture(scope="session")
def exported(once, trained, tmp_path_factory):
    """A workdir called digits, and its export as SavedModel and ONNX."""

    def make(folder):
        run = trained("multiclass")
        shutil.copytree(run, folder / "digits", ignore=NOT_OURS)
        formats = "--formats=saved_model,onnx"
        assert export.main([f"--workdir={folder / 'digits'}", formats]) == 0

    folder = tmp_path_factory.mktemp("exported") / "own"
    shutil.copytree(once("exported_digits", make), folder)
    return folder / "digits"
