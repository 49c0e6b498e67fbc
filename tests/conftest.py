"""What every test may count on: runs to read, and no skipping in CI."""

import fcntl
import functools
import importlib.util
import os
import pathlib
import shutil
import signal
from collections.abc import Callable

import hypothesis
import pytest

from tests import runs
from tests.faults import jobs

pytest_plugins = ("tests.slowness",)
IN_CI = os.environ.get("CI") == "true"
DATA_DIR_VARIABLE = "STRATA_DATA_DIR"

# Under `nohup` or "&" a shell has these ignored, and tests of what ends by them
# would wait for ever: what they start has no handler, and so the system's own.
if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

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

# Their dependencies are at odds with the lock's: `make test-trackers` has them
# in an environment of its own.
TRACKERS_TESTS = "journal/test_real_trackers.py"
HAS_TRACKERS = all(map(importlib.util.find_spec, ("mlflow", "wandb")))
collect_ignore += [] if HAS_TRACKERS else [TRACKERS_TESTS]


def pytest_report_header():
    left_out = []
    if not HAS_GCLOUD:
        left_out.append(
            f"{GCLOUD_TESTS} is left out: Google's Cloud CLI is not here"
        )
    if not HAS_TRACKERS:
        left_out.append(
            f"{TRACKERS_TESTS} is left out: MLflow and wandb are not here; see"
            " make test-trackers"
        )
    return left_out


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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tells tests that share a module's fixture from those that do not."""
    if any(fixture.scope == "module" for fixture in _fixtures(item)):
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


def _fixtures(item: pytest.Item) -> list[pytest.FixtureDef]:
    info = getattr(item, "_fixtureinfo", None)
    found = info.name2fixturedefs.values() if info else ()
    return [definitions[-1] for definitions in found]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts with the slow ones: at the end one core would wait for one."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def once(tmp_path_factory) -> Callable[[str, Callable], pathlib.Path]:
    """From a name to a folder that whoever asks first fills.

    First in the whole run: the processes share the folders, so no test may
    write to one.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def folder(name: str, make: Callable[[pathlib.Path], object]):
        path, done = base / name, base / f"{name}.done"
        with open(base / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not done.exists():
                shutil.rmtree(path, ignore_errors=True)
                make(path)
                done.touch()
        return path

    return folder


@pytest.fixture(scope="session")
def trained(once, tmp_path_factory) -> Callable[[str], pathlib.Path]:
    """From a problem's type to the workdir of a run of it, trained once."""
    folder = tmp_path_factory.mktemp("trained")

    def workdir(problem: str) -> pathlib.Path:
        path = folder / problem
        if not path.exists():
            train = functools.partial(runs.train, problem)
            shutil.copytree(once(f"trained_{problem}", train), path)
        return path

    return workdir


@pytest.fixture(scope="session")
def flowers(once, tmp_path_factory) -> tuple[pathlib.Path, pathlib.Path]:
    """The workdir of a run on a table of numbers and texts, and the table."""
    folder = tmp_path_factory.mktemp("flowers") / "own"
    shutil.copytree(once("flowers", runs.train_on_flowers), folder)
    return folder / "run", folder / "flowers.csv"


@pytest.fixture(scope="session")
def undisturbed(once) -> Callable[[jobs.Kind], jobs.Harmed]:
    """From a kind of job to one that nobody touched."""

    def job(kind: jobs.Kind) -> jobs.Harmed:
        run = functools.partial(jobs.undisturbed, kind)
        return jobs.Harmed(kind, once(f"calm {kind.name}", run))

    return job
