"""Attacks a run, its meeting and its outputs so many times; prints a table.

The campaign `calls`, on Google Cloud's launchers, is run by its name alone.

  python -m tests.faults.attack --count=10000 [--seed=N] [--campaign=NAME]

Each attack has a number; with the seed it tells all of it, so that
`--campaign=NAME --seed=N --only=NUMBER` makes one again. Exit code 1 where one
got through.
"""

import argparse
import collections
import contextlib
import pathlib
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Iterator
from typing import NamedTuple
from typing import Protocol

from tests.faults import calls
from tests.faults import cuts
from tests.faults import deletions
from tests.faults import hellos
from tests.faults import mutations
from tests.faults import names


class Attack(NamedTuple):
    """What became of an attack.

    Attributes:
      row: of the table that it counts in.
      verdict: how it ended, a column of the table.
      failure: what got through; "" where nothing did.
    """

    row: str
    verdict: str
    failure: str = ""


class Campaign(Protocol):
    """Is made ready in a folder, and then attacks as a text tells."""

    def attack(self, seed: str) -> tuple[str, str, str]: ...


CAMPAIGNS: dict[str, Callable[[pathlib.Path], Campaign]] = {
    "mutations": mutations.Mutations,
    "deletions": deletions.Deletions,
    "cuts": cuts.Cuts,
    "hellos": hellos.Hellos,
    "names": names.Names,
    "calls": calls.Calls,
}
# It takes the Cloud CLI, and seconds for each.
BY_NAME = "calls"


def attacks(
    name: str, folder: pathlib.Path, seed: int, numbers: range
) -> Iterator[Attack]:
    """Makes the attacks of a campaign; prints those that got through."""
    campaign = CAMPAIGNS[name](folder)
    began = time.monotonic()
    with contextlib.ExitStack() as at_end:
        if isinstance(campaign, deletions.Deletions):
            at_end.callback(campaign.close)  # its run goes on by itself
        for done, number in enumerate(numbers, 1):
            found = Attack(*campaign.attack(f"{seed}:{number}"))
            if found.failure:
                again = f"--campaign={name} --seed={seed} --only={number}"
                print(f"{again}: {found.row}: {found.failure}", flush=True)
            if done % 1000 == 0:
                secs = time.monotonic() - began
                print(f"{name}: {done} made in {secs:.0f} s", flush=True)
            yield found


def table(found: list[Attack]) -> str:
    """Returns a Markdown table, a line for each row and their sum."""
    rows: dict[str, collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for attack in found:
        verdict = "got through" if attack.failure else attack.verdict
        for name in (attack.row, "**all**"):
            rows[name].update([verdict, "attacks"])
    verdicts = sorted({v for counts in rows.values() for v in counts})
    heads = ["attacks", *(v for v in verdicts if v != "attacks")]
    heads = list(dict.fromkeys([*heads, "got through"]))
    lines = [
        f"| what | {' | '.join(heads)} |",
        f"|---|{'---:|' * len(heads)}",
    ]
    for name in sorted(rows):
        counts = " | ".join(f"{rows[name][head]:,}" for head in heads)
        lines.append(f"| {name} | {counts} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--campaign", choices=CAMPAIGNS)
    parser.add_argument("--only", type=int, help="the number of one attack")
    wanted = parser.parse_args()
    print(f"seed {wanted.seed}", flush=True)
    one = wanted.only
    numbers = range(wanted.count) if one is None else range(one, one + 1)
    chosen = [wanted.campaign] if wanted.campaign else [*CAMPAIGNS]
    if not wanted.campaign:
        chosen.remove(BY_NAME)
    is_good = True
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder)
            found = list(attacks(name, path, wanted.seed, numbers))
        print(f"\n{name}\n\n{table(found)}\n", flush=True)
        is_good &= not any(attack.failure for attack in found)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
