"""`strata doctor`: what this machine has and lacks, as a page to publish."""

import os
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator

from trainer.process.arguments import Parser
from trainer.process.columns import lay_out
from trainer.process.exits import verb
from trainer.workbench import devices
from trainer.workbench import machine
from trainer.workbench import software
from trainer.workbench.findings import Finding

DESCRIPTION = """\
Says what this machine has for a run and what it lacks: versions, devices,
drivers, disks, ports and clocks. One page to paste into a report of a fault: it
holds no secret, no host's name and no address. Code 1 where no run can be made
here.

  strata doctor
  strata doctor --quick"""

Section = tuple[str, Callable[[], Iterable[Finding]]]


def sections(*, is_quick: bool) -> Iterator[Section]:
    """Yields headings, and what finds the lines below each.

    Args:
      is_quick: whether TensorFlow is left alone.
    """
    wanted = software.requirements()
    found = software.installed_packages()
    yield "Strata", software.strata
    yield "Machine", machine.system
    yield "Packages", lambda: software.packages(wanted, found)
    yield "Extras", lambda: software.extras(wanted, found)
    yield "Drivers", devices.drivers
    yield "Disks", machine.disks
    yield "Network", machine.ports
    yield "Clocks", machine.clocks
    yield "Programs", software.programs
    yield "Variables", lambda: software.environment(os.environ)
    if not is_quick:
        yield "Devices", devices.tensorflow


@verb
def main(argv: list[str]) -> int:
    """Prints the page, a section as soon as it is known.

    Returns:
      0, or 1 where something is missing that every run needs.
    """
    parser = Parser("strata doctor", DESCRIPTION)
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out what TensorFlow sees, whose start takes seconds",
    )
    wanted = parser.parse_args(argv)
    missing: list[Finding] = []
    for title, find in sections(is_quick=wanted.quick):
        found = list(find())
        missing += [each for each in found if each.remedy]
        print(
            f"{title}\n{_lines((f.name, f.words) for f in found)}", flush=True
        )
    print("To do")
    print(_lines((f.name, f.remedy) for f in missing) or "  nothing")
    return 1 if any(each.stops for each in missing) else 0


def _lines(rows: Iterable[tuple[str, str]]) -> str:
    cells = [[f"  {name}".ljust(18), words] for name, words in rows]
    return lay_out(cells, left=2) if cells else ""
