"""What every test may count on: MNIST's folder, and no skipping in CI."""

import os
import pathlib
import shutil
from collections.abc import Callable

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
# `make fuzz N=…`: as many examples of each test, new ones each time.
FUZZ_EXAMPLES = os.environ.get("STRATA_FUZZ_EXAMPLES")
hypothesis.settings.register_profile(
    "fuzz",
    parent=hypothesis.settings.get_profile("strata"),
    max_examples=int(FUZZ_EXAMPLES or 100),
    derandomize=False,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("fuzz" if FUZZ_EXAMPLES else "strata")


# Debian does not have it, so nothing can install it for the tests.
GCLOUD_TESTS = "launch/gcp/test_launcher.py"
HAS_GCLOUD = shutil.which("gcloud") is not None
collect_ignore = [] if HAS_GCLOUD else [GCLOUD_TESTS]


def pytest_report_header():
    if not HAS_GCLOUD:
        return f"{GCLOUD_TESTS} is left out: Google's Cloud CLI is not here"
    return None


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


# A row of the problem table each, trained for a moment.
TRAINED = {
    "binary": ("breast_cancer", "--config.epochs=5"),
    "multiclass": ("digits", "--config.epochs=2"),
    "multilabel": ("digits_attributes", "--config.epochs=2"),
    "regression": ("diabetes", "--config.epochs=5"),
    "bounded_regression": ("digits_ink", "--config.epochs=2"),
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Callable[[str], pathlib.Path]:
    """From a problem's type to the workdir of a run of it, trained once."""
    from trainer import task

    folder = tmp_path_factory.mktemp("trained")

    def workdir(problem: str) -> pathlib.Path:
        path = folder / problem
        if not path.exists():
            config, length = TRAINED[problem]
            flags = [f"--config={config}", length, f"--workdir={path}"]
            assert task.main(flags) == 0
        return path

    return workdir


@pytest.fixture(scope="session")
def flowers(tmp_path_factory):
    """The workdir of a run on a table of numbers and texts, and the table."""
    import numpy as np

    from trainer import task

    folder = tmp_path_factory.mktemp("flowers")
    random = np.random.RandomState(0)
    kinds = random.randint(2, size=120)
    sizes = [
        f"{s:.2f}" if s > -1.5 else "NA" for s in random.randn(120) + kinds
    ]
    colours = random.choice(["red", "blue", '"red, pale"', ""], 120)
    lines = [
        f"{size},{colour},{('oak', 'yew')[kind]}"
        for size, colour, kind in zip(sizes, colours, kinds, strict=True)
    ]
    table = folder / "flowers.csv"
    table.write_text("\n".join(["size,colour,kind", *lines]) + "\n")
    flags = [f"--data_dir={table}", f"--workdir={folder / 'run'}"]
    length = "--config.steps=100"
    assert task.main(["--config=your_data", length, *flags]) == 0
    return folder / "run", table
