"""Which packages are installed, by the names that registries know them by."""

import importlib.metadata
import re


def canonical(name: str) -> str:
    """Returns a package's one name: the TPU wheel calls itself tensorflow_tpu.

    packaging.python.org/en/latest/specifications/name-normalization.
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Returns {canonical name: version} of what this environment holds."""
    return {
        canonical(str(each.metadata["Name"])): each.version
        for each in importlib.metadata.distributions()
    }


def version_of(name: str) -> str | None:
    """Returns one's version; to read of all takes a tenth of a second."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
