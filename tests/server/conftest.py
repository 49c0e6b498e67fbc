"""What tests of the server share: one that serves a run of each problem."""

import shutil

import pytest

from tests import asking
from tests.runs import TRAINED
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.serving import export

MOST_ROWS = 16


@pytest.fixture(scope="session")
def server(trained, flowers):
    """A server of a run of each problem by its name, and of "flowers"."""
    places = [(problem, str(trained(problem))) for problem in TRAINED]
    places.append(("flowers", str(flowers[0])))
    limits = Limits(batch_rows=MOST_ROWS, request_rows=100)
    settings = Settings(tuple(places), runtime="tensorflow", limits=limits)
    with asking.serving(settings) as found:
        yield found


@pytest.fixture(scope="session")
def exported(once, trained, tmp_path_factory):
    """A workdir called digits, and its export as SavedModel and ONNX."""

    def make(folder):
        not_ours = shutil.ignore_patterns("export")
        run = trained("multiclass")
        shutil.copytree(run, folder / "digits", ignore=not_ours)
        formats = "--formats=saved_model,onnx"
        assert export.main([f"--workdir={folder / 'digits'}", formats]) == 0

    folder = tmp_path_factory.mktemp("exported") / "own"
    shutil.copytree(once("exported_digits", make), folder)
    return folder / "digits"
