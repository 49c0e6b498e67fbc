"""Kills jobs until so many kills were survived, and prints what they cost.

  python -m tests.faults.soak --kills=200 [--seed=N] [--jobs=2]
    [--results=FILE] [--forked]

Each campaign is a job that is killed several times and must end with the very
weights, scores and metric lines of the job that nobody touched. A third of the
kills are of a job of two workers, and a third of one that begins with four,
shrinks and grows, and must end with the bits of one process. A campaign that
fails prints its seed, with which `--campaign=KIND:SEED` runs it again. With
`--results`, what each campaign found is kept in a file as it ends, and what the
file holds counts: the same command goes on where it was stopped.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time

from tests.faults import jobs
from tests.faults.jobs import Harmed
from tests.faults.jobs import Kind
from tests.faults.kills import Campaign
from tests.faults.kills import Fault
from tests.faults.trainer import OTHER_POINTS
from tests.faults.trainer import SAVE_POINTS

FAULTS_OF_ONE = 6
STREAMS = {
    "one": (jobs.ONE_FULL, jobs.ONE_PLAIN),
    "two": (jobs.TWO_FULL,),
    "elastic": (jobs.ELASTIC_FULL,),
}


@dataclasses.dataclass(frozen=True)
class Soak:
    """Campaigns in a folder, and what those before them found.

    Attributes:
      folder: for the jobs.
      is_forked: whether trainers are the fork server's children, which import
        nothing: many more kills an hour, none of them within an import.
      results: file of JSON lines that faults are kept in; None for none.
    """

    folder: pathlib.Path
    is_forked: bool
    results: pathlib.Path | None

    def kept(self) -> list[Fault]:
        """Returns the faults of the file."""
        if self.results is None or not self.results.exists():
            return []
        lines = self.results.read_text().splitlines()
        return [Fault(**json.loads(line)) for line in lines]

    def keep(self, faults: list[Fault]) -> None:
        """Writes the faults of a campaign behind those of the file."""
        if self.results is not None:
            with self.results.open("a") as file:
                file.writelines(
                    json.dumps(dataclasses.asdict(fault)) + "\n"
                    for fault in faults
                )


def run_campaign(
    kind: Kind, seed: int, soak: Soak, calm: Harmed
) -> list[Fault]:
    """Harms one job; returns its faults.

    Raises:
      AssertionError: it lost something.
    """
    campaign = Campaign(
        kind, soak.folder / f"{kind.name} {seed}", seed, soak.is_forked
    )
    try:
        campaign.run(FAULTS_OF_ONE)
        jobs.assert_same(campaign.job, calm)
    except BaseException as error:
        error.add_note(
            f"to do it again: --campaign={kind.name!r}:{seed}; faults so far:"
            f" {campaign.faults}"
        )
        raise
    soak.keep(campaign.faults)
    # A thousand jobs of some megabytes would be gigabytes.
    shutil.rmtree(campaign.job.folder)
    return campaign.faults


def run_stream(
    kinds: tuple[Kind, ...], kills: int, seed: int, soak: Soak
) -> list[Fault]:
    """Runs campaigns until so many kills were survived, the kept ones too."""
    names = {kind.name for kind in kinds}
    faults = [fault for fault in soak.kept() if fault.job in names]
    # Another stretch of chance than that of the faults that are kept.
    chance = random.Random(f"{seed} {len(faults)}")
    calm: dict[Kind, Harmed] = {}
    while (done := sum(fault.kills for fault in faults)) < kills:
        kind, number = chance.choice(kinds), chance.randrange(10**6)
        if kind not in calm:
            place = soak.folder / f"calm {kind.name}"
            calm[kind] = jobs.undisturbed(kind, place)
        found = run_campaign(kind, number, soak, calm[kind])
        faults += found
        done += sum(fault.kills for fault in found)
        print(f"{kind.name}: {done} of {kills} kills survived", flush=True)
    return faults


def row_of(fault: Fault) -> str:
    """Names the line of the table that a fault belongs to."""
    if fault.what in SAVE_POINTS:
        return f"save: {fault.what}"
    return f"SIGKILL {fault.what}" if fault.what in OTHER_POINTS else fault.what


def table(faults: list[Fault]) -> str:
    """Returns a Markdown table, a line for each kind of fault and job."""
    rows = collections.defaultdict(list)
    for fault in faults:
        rows[f"{fault.job.split(',')[0]}: {row_of(fault)}"].append(fault)
        if fault.kills:
            rows[f"**all kills, {fault.job.split(',')[0]}**"].append(fault)
    lines = [
        "| fault | count | survived, weights equal | steps taken again, most |"
        " s to the next step, p50 | p99 |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, group in sorted(rows.items()):
        secs = sorted(f.restart_secs for f in group if f.restart_secs)
        p50 = f"{statistics.median(secs):.1f}" if secs else ""
        p99 = f"{secs[round(0.99 * (len(secs) - 1))]:.1f}" if secs else ""
        most = max(f.lost_steps for f in group)
        lines.append(
            f"| {name} | {len(group)} | {len(group)} | {most} | {p50} | {p99} |"
        )
    kills = [fault for fault in faults if fault.kills]
    near = sum(fault.is_near_save for fault in kills)
    two = sum(fault.job.startswith("two") for fault in kills)
    lines.append(
        f"\n{len(kills)} kills, {near} within 2 s of a new checkpoint, {two} of"
        " a job of two workers"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--campaign", help="KIND:SEED of one to run again")
    parser.add_argument("--results", type=pathlib.Path, help="a file to go on")
    parser.add_argument("--forked", action="store_true", help="no imports")
    arguments = parser.parse_args()
    kinds = {k.name: k for stream in STREAMS.values() for k in stream}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        soak = Soak(folder, arguments.forked, arguments.results)
        if arguments.campaign:
            kind_name, _, seed = arguments.campaign.rpartition(":")
            kind = kinds[kind_name.strip("'")]
            calm = jobs.undisturbed(kind, folder / "calm")
            print(table(run_campaign(kind, int(seed), soak, calm)))
            return 0
        print(f"seed {arguments.seed}", flush=True)
        third = -(-arguments.kills // 3)
        wanted = {"two": third, "elastic": third}
        wanted["one"] = max(0, arguments.kills - 2 * third)
        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            streams = [
                pool.submit(run_stream, STREAMS[s], kills, arguments.seed, soak)
                for s, kills in wanted.items()
            ]
            faults = [fault for s in streams for fault in s.result()]
    print(table(faults))
    return 0


if __name__ == "__main__":
    sys.exit(main())
