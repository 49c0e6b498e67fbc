"""Holds the mark `slow` against the clock.

In CI a test without the mark that takes longer fails. Elsewhere, where a
machine may have other work, it is named at the end; so is a marked one that
is quick.
"""

import os

import pytest

LIMIT_SECS = 5.0
# Of a machine that is known to be slower, or shared.
FACTOR = float(os.environ.get("STRATA_SLOW_FACTOR", "1"))
QUICK_SECS = LIMIT_SECS / 2


def pytest_report_header() -> str:
    limit = f"over {LIMIT_SECS * FACTOR:g} s"
    return f"a test {limit} without the mark slow fails in CI"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    if os.environ.get("CI") == "true" and is_unmarked(report):
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} took {report.duration:.1f} s, more than"
            f" {LIMIT_SECS * FACTOR:g} s, and is not marked slow"
        )
    return report


def is_unmarked(report: pytest.TestReport) -> bool:
    """Whether a test that is not marked took longer than it may."""
    return (
        report.when == "call"
        and report.passed
        and "slow" not in report.keywords
        and report.duration > LIMIT_SECS * FACTOR
    )


def _quick(reports: list[pytest.TestReport]) -> list[str]:
    """Names tests that are marked and quick, all their phases together.

    Not those of a group: what they share is timed in the first of them.
    """
    secs: dict[str, float] = {}
    for report in reports:
        if "slow" in report.keywords and "xdist_group" not in report.keywords:
            passed = secs.get(report.nodeid, 0.0)
            secs[report.nodeid] = passed + report.duration
    return [name for name, spent in secs.items() if spent < QUICK_SECS]


def pytest_terminal_summary(terminalreporter) -> None:
    stats = terminalreporter.stats
    # A phase that is not the call is passed under no name.
    reports = stats.get("passed", []) + stats.get("", [])
    reports = [r for r in reports if isinstance(r, pytest.TestReport)]
    long = [r.nodeid for r in reports if is_unmarked(r)]
    for text, names in (
        (f"over {LIMIT_SECS * FACTOR:g} s and not marked slow", long),
        (f"marked slow and under {QUICK_SECS:g} s", _quick(reports)),
    ):
        for name in names:
            terminalreporter.write_line(f"{text}: {name}")
