"""What tests of the server share: one that serves a run of each problem."""

import pytest

from tests import asking
from tests.runs import TRAINED
from trainer.server.settings import Limits
from trainer.server.settings import Settings

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
