"""The mark `slow` is held against the clock."""

import pytest

pytest_plugins = ("pytester",)

SUITE = """
import time
import pytest

def test_quick():
    pass

def test_long():
    time.sleep(0.2)

@pytest.mark.slow
def test_marked():
    time.sleep(0.2)

@pytest.mark.slow
def test_marked_in_vain():
    pass
"""


@pytest.fixture
def ended(pytester):
    """Runs the suite above, with or without CI, where 0.1 s is the limit."""
    pytester.makepyfile(SUITE)
    pytester.makeini("[pytest]\nmarkers = slow")

    def run(ci):
        # Not until this test's own end, which is held against the clock, too.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tests.slowness.LIMIT_SECS", 0.1)
            patch.setattr("tests.slowness.QUICK_SECS", 0.05)
            patch.setattr("tests.slowness.FACTOR", 1)
            patch.setenv("CI", ci)
            return pytester.runpytest("-p", "tests.slowness", "-p", "no:xdist")

    return run


def test_in_ci_a_long_test_without_the_mark_fails(ended):
    done = ended("true")
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["*::test_long took 0.? s, more than 0.1 s*"])


def test_elsewhere_it_is_named_and_so_is_a_mark_in_vain(ended):
    done = ended("false")
    done.assert_outcomes(passed=4)
    done.stdout.fnmatch_lines(
        [
            "a test over 0.1 s without the mark slow fails in CI",
            "over 0.1 s and not marked slow: *::test_long",
            "marked slow and under 0.05 s: *::test_marked_in_vain",
        ]
    )
    done.stdout.no_fnmatch_line("*: *::test_quick")
