"""Which Strata this is, what it is installed with, and what it can call."""

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Iterator
from collections.abc import Mapping

from packaging.requirements import Requirement

from trainer.devices.packages import canonical
from trainer.devices.packages import installed
from trainer.process.extras import DISTRIBUTION
from trainer.process.extras import install_command
from trainer.process.surroundings import revision
from trainer.process.surroundings import ROOT
from trainer.version import __version__
from trainer.workbench.findings import discreet
from trainer.workbench.findings import Finding
from trainer.workbench.findings import shown

# Extras that make test and make lint need, and no user.
_FOR_DEVELOPERS = ("dev", "lint", "test")
# What each is for, among the programs that Strata calls.
PROGRAMS = {
    "git": "strata launch gcp",
    "make": "a project's Makefile",
    "ssh": "strata launch ssh",
    "sbatch": "strata launch slurm",
    "kubectl": "strata launch kubernetes --apply",
    "gcloud": "strata launch gcp",
}
# Variables that change what TensorFlow or a run does.
VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "KERAS_BACKEND",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "PYTHONPATH",
    "TF_CPP_MIN_LOG_LEVEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "TF_FORCE_GPU_ALLOW_GROWTH",
    "TF_NUM_INTRAOP_THREADS",
    "TF_XLA_FLAGS",
    "TMPDIR",
    "XLA_FLAGS",
)
# Those whose value is another's business: that they are set is enough.
SILENT = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "KUBERNETES_SERVICE_HOST",
    "SLURM_JOB_ID",
    "STRATA_ADDRESSES",
    "STRATA_JOB_SECRET",
    "TF_CONFIG",
    "TPU_NAME",
)


def strata() -> Iterator[Finding]:
    """Says which Strata this is, and by which Python it runs."""
    commit = revision()
    kind = f"checkout, commit {commit}" if commit else "installed"
    yield Finding("version", f"{__version__}, {kind}")
    yield Finding("folder", shown(ROOT))
    yield Finding(
        "Python", f"{platform.python_version()}, {shown(sys.executable)}"
    )
    command = shutil.which("strata")
    yield Finding(
        "command",
        shown(command) if command else "strata is on no folder of PATH",
    )


def requirements() -> list[Requirement]:
    """Returns what this Strata asks for, extras included; [] in no package."""
    try:
        told = importlib.metadata.requires(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return []
    return [Requirement(text) for text in told or []]


def packages(
    wanted: list[Requirement], found: Mapping[str, str]
) -> Iterator[Finding]:
    """Says which of the packages that each run needs are there.

    Args:
      wanted: what this Strata asks for.
      found: {canonical name: version} of what is installed.
    """
    if not wanted:
        yield Finding("", f"{DISTRIBUTION} is not installed: no list of them")
    for each in wanted:
        if each.marker is None:
            version = found.get(canonical(each.name))
            yield Finding(each.name, *_stand(each, version), stops=True)


def _stand(wanted: Requirement, version: str | None) -> tuple[str, str]:
    """Returns how a package stands, and what to do where it is missing."""
    again = f"{sys.executable} -m pip install '{wanted}'"
    if version is None:
        return "missing", discreet(again)
    if not wanted.specifier.contains(version, prereleases=True):
        return f"{version}, which is not {wanted.specifier}", discreet(again)
    return version, ""


def extras(
    wanted: list[Requirement], found: Mapping[str, str]
) -> Iterator[Finding]:
    """Says which extras are there; none of them is needed by every run."""
    if not wanted:
        yield Finding("", "no list of them, either")
    by_extra: dict[str, list[Requirement]] = {}
    for each in wanted:
        for name in _extras_of(each):
            by_extra.setdefault(name, []).append(each)
    for name, members in sorted(by_extra.items()):
        missing = [
            each.name
            for each in members
            if (version := found.get(canonical(each.name))) is None
            or not each.specifier.contains(version, prereleases=True)
        ]
        words = f"lacks {', '.join(missing)}" if missing else "installed"
        yield Finding(name, words)


def _extras_of(wanted: Requirement) -> Iterator[str]:
    """Yields the extras that ask for a package on this system."""
    marker = wanted.marker
    if marker is None or marker.evaluate({"extra": ""}):
        return
    for name in sorted(set(_quoted(str(marker))) - set(_FOR_DEVELOPERS)):
        if marker.evaluate({"extra": name}):
            yield name


def _quoted(text: str) -> list[str]:
    """Returns the names that a marker compares `extra` with."""
    parts = text.split("extra == ")[1:]
    return [part[1:].partition(part[0])[0] for part in parts]


def programs() -> Iterator[Finding]:
    """Says which programs of others are there."""
    for name, use in PROGRAMS.items():
        path = shutil.which(name)
        yield Finding(name, shown(path) if path else f"missing; {use} needs it")


def environment(variables: Mapping[str, str]) -> Iterator[Finding]:
    """Says which variables are set that change a run; no secret's value."""
    for name in sorted({*VARIABLES, *SILENT} & variables.keys()):
        value = "is set" if name in SILENT else discreet(variables[name])
        yield Finding(name, value or "is empty")
    if not {*VARIABLES, *SILENT} & variables.keys():
        yield Finding("", "none that changes a run")


def installed_packages() -> dict[str, str]:
    """Returns {canonical name: version}; TensorFlow's kinds count for it."""
    found = installed()
    for kind in ("tensorflow-cpu", "tensorflow-tpu"):
        if kind in found:
            found.setdefault("tensorflow", found[kind])
    return found


def how_to_add(extra: str) -> str:
    """Returns the command that installs an extra."""
    return discreet(install_command(extra))
