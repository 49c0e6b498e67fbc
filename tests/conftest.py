"""What every test may count on: MNIST's folder, and no skipping in CI."""

import os
import pathlib

import hypothesis
import pytest

IN_CI = os.environ.get("CI") == "true"
DATA_DIR_VARIABLE = "STRATA_DATA_DIR"

# TensorFlow's notes on the processor are no news in a test's output.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# A first example may wait for a compilation, so time is no sign of a defect.
hypothesis.settings.register_profile(
    "strata", deadline=None, derandomize=IN_CI, print_blob=True
)
hypothesis.settings.load_profile("strata")


def pytest_configure(config):
    if IN_CI and not os.environ.get(DATA_DIR_VARIABLE):
        raise pytest.UsageError(
            f"CI=true needs {DATA_DIR_VARIABLE}, the folder of MNIST's four"
            " files: no test may be skipped there"
        )


def _forbid_skipping(report, name):
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        *_, reason = report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{name}: nothing may be skipped in CI: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    return _forbid_skipping((yield), item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return _forbid_skipping((yield), collector.nodeid)


@pytest.fixture(scope="session")
def mnist_dir() -> pathlib.Path:
    """The folder of MNIST's four files as the source reads them."""
    folder = os.environ.get(DATA_DIR_VARIABLE)
    if not folder:
        pytest.skip(f"{DATA_DIR_VARIABLE} names no folder of MNIST's files")
    return pathlib.Path(folder)
