"""What a process stands on: its code, its processor and its cores."""

import os
import pathlib
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig

# Holds the package trainer: a checkout, or site-packages.
ROOT = pathlib.Path(__file__).parents[2]
CPUINFO = pathlib.Path("/proc/cpuinfo")
# As Linux calls them, the widest first.
VECTORS = ("amx_tile", "avx512f", "avx2", "avx")
# Products of bfloat16: of AMD and Intel, of Intel, and of ARM.
BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}


def module_command(module: str, python: str = sys.executable) -> list[str]:
    """Returns the words that run a module of Strata's from this folder.

    Python would look into the current folder first, and find a trainer.py that
    a user has there. With -P it does not, and need not but where Strata itself
    stands there.
    """
    stands_here = os.path.samefile(os.curdir, ROOT)
    return [python, *([] if stands_here else ["-P"]), "-m", module]


def own_command() -> str:
    """Returns the words by which a shell here runs this `strata`."""
    own = pathlib.Path(sysconfig.get_path("scripts")) / "strata"
    found = shutil.which("strata")
    if found and own.exists() and os.path.samefile(found, own):
        return "strata"
    if not own.exists():
        return shlex.join([sys.executable, "-m", "trainer"])
    here = pathlib.Path.cwd()
    within = own.is_relative_to(here)
    return shlex.quote(str(own.relative_to(here) if within else own))


def revision() -> str | None:
    """Returns the checkout's commit, "+" added where it is changed; or None."""
    if not (ROOT / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(ROOT), *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def cores() -> int | None:
    """Counts the cores that this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def processor() -> str:
    """Names the processor and its widest vectors, as Linux tells them.

    Libraries choose their kernels by the vectors, and a model's name does not
    tell them: "AMD EPYC" is of several generations, whose bits differ.
    """
    name = _of_processor("model name") or platform.processor()
    flags = _of_processor("flags").split()
    widest = next((v for v in VECTORS if v in flags), None)
    return f"{name}, {widest}" if widest else name


def has_bfloat16() -> bool | None:
    """Whether the processor has bfloat16 products; None where nothing tells."""
    flags = {
        *_of_processor("flags").split(),
        *_of_processor("Features").split(),
    }
    return bool(flags & BFLOAT16) if flags else None


def _of_processor(key: str) -> str:
    """Returns what Linux tells of the processor; "" where it does not."""
    return pairs_in(CPUINFO).get(key, "")


def pairs_in(path: pathlib.Path) -> dict[str, str]:
    """Reads a file of `name: value`; {} where there is none."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name.strip(): value.strip() for name, _, value in pairs}
