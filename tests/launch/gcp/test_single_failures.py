"""Jobs of which one call to Google fails: no machine is left unnamed.

`make attack N=200 ARGS=--campaign=calls` tries as many.
"""

import shutil

import pytest

from tests.faults import calls

pytestmark = pytest.mark.skipif(
    not shutil.which("gcloud"), reason="Google's Cloud CLI is not here"
)


@pytest.mark.slow
def test_a_call_that_fails_leaves_nothing_unnamed(tmp_path):
    campaign = calls.Calls(tmp_path)
    for number in range(4):
        row, _, failure = campaign.attack(f"0:{number}")
        assert not failure, row
