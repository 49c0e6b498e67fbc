"""How the time of a step grows: with width, depth, batch and data.

  python -m benchmarks.growth

Each point is a training step of an MLP of so many hidden layers on rows drawn
at random, RMSprop, float32: Strata's own loop, fed uint8 by its own pipeline,
beside PyTorch (eager) and JAX (`scan` in a jitted function), whose rows are
float32 beforehand. Writes
benchmarks/growth.json and docs/images/growth.png.
"""

import json
import subprocess
import sys
import time
from typing import NamedTuple

import numpy as np

from benchmarks import bench

CHART = bench.ROOT / "docs" / "images" / "growth.png"
POINTS = bench.ROOT / "benchmarks" / "growth.json"
CONTESTANTS = {
    "Strata": (sys.executable, "benchmarks.growth_strata"),
    "JAX": (bench.PEERS, "benchmarks.peers.growth_jax"),
    "PyTorch": (bench.PEERS, "benchmarks.peers.growth_pytorch"),
}
MARKS = {"Strata": "o", "JAX": "s", "PyTorch": "^"}
# From here on a panel's arithmetic outweighs what a step costs by itself.
BOUND_FROM = {"width": 1024, "depth": 8, "batch": 512}


class Point(NamedTuple):
    """What a step works on."""

    panel: str
    width: int = 256
    depth: int = 1
    batch: int = 128
    rows: int = 60_000
    features: int = 784

    @property
    def along(self) -> int:
        """Where it stands on its panel's axis."""
        return getattr(self, self.panel)

    @property
    def words(self) -> str:
        """What a line of the table calls it."""
        network = f"{self.depth} x {self.width}"
        return f"{self.panel}: {network}, batch {self.batch}, {self.rows} rows"


def points() -> list[Point]:
    """Returns the least step there is, and each panel's points."""
    return [
        Point("batch", width=64, batch=1),
        *(Point("width", width=w) for w in (64, 256, 1024, 4096, 8192)),
        *(Point("depth", depth=d) for d in (1, 2, 4, 8, 16, 32)),
        *(
            Point("batch", batch=b, rows=max(60_000, b))
            for b in (1, 8, 64, 512, 4096, 65_536)
        ),
        *(
            Point("rows", rows=r, features=64)
            for r in (10**3, 10**4, 10**5, 10**6, 10**7)
        ),
    ]


def step_secs(
    name: str,
    wanted: list[Point],
    contestants: dict[str, tuple[str, str]] = CONTESTANTS,
) -> list[float]:
    """Returns seconds of a step at each point.

    Args:
      name: of a contestant.
      wanted: the points.
      contestants: their Python and module, by name.

    Raises:
      subprocess.CalledProcessError: the contestant failed.
    """
    python, module = contestants[name]
    ran = subprocess.run(
        [python, "-m", module],
        input=json.dumps([point._asdict() for point in wanted]),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
        text=True,
        cwd=bench.ROOT,
    )
    return json.loads(ran.stdout.splitlines()[-1])


def slope(panel: str, wanted: list[Point], secs: list[float]) -> float:
    """Returns how the log of the time grows with the log of the size."""
    bound = [
        (point.along, each)
        for point, each in zip(wanted, secs, strict=True)
        if point.panel == panel and point.along >= BOUND_FROM[panel]
    ]
    along, took = np.log(bound).T
    return float(np.polyfit(along, took, 1)[0])


def draw(
    wanted: list[Point], found: dict[str, list[float]], machine: dict
) -> None:
    """Draws a panel for each thing that grows."""
    from matplotlib.figure import Figure

    from trainer.charts.drawings import COLOURS

    titles = {
        "width": "width of the hidden layer",
        "depth": "hidden layers of 256",
        "batch": "rows of a batch",
        "rows": "rows of the data (64 features)",
    }
    figure = Figure(figsize=(9.0, 6.4), layout="constrained")
    for axes, (panel, title) in zip(
        figure.subplots(2, 2).flat, titles.items(), strict=True
    ):
        for colour, (name, secs) in zip(COLOURS, found.items(), strict=False):
            # The first point is the least step, not one of its panel.
            places = [
                (point.along, 1e3 * each)
                for point, each in list(zip(wanted, secs, strict=True))[1:]
                if point.panel == panel
            ]
            axes.loglog(
                *zip(*places, strict=True),
                color=colour,
                marker=MARKS[name],
                label=name,
            )
        axes.set(xlabel=title, ylabel="ms a step")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
        if panel == "rows":
            axes.set_ylim(0.1, 10)  # level lines, not their noise
        axes.grid(which="major", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].legend(frameon=False)
    figure.suptitle(
        f"A training step on {machine['cores']} cores of an"
        f" {machine['processor']}, float32",
        fontsize=11,
    )
    figure.savefig(CHART, dpi=120)


def main() -> None:
    """Measures each contestant; prints, keeps and draws what was found."""
    wanted, began = points(), time.time()
    found = {name: step_secs(name, wanted) for name in CONTESTANTS}
    machine = bench.machine()
    kept = {
        "machine": machine,
        "secs": time.time() - began,
        "points": [point._asdict() for point in wanted],
        "step_secs": found,
    }
    POINTS.write_text(json.dumps(kept) + "\n")
    print(f"{'':42}" + "".join(f"{name:>11}" for name in found) + "  ms a step")
    for place, point in enumerate(wanted):
        row = "".join(f"{1e3 * secs[place]:11.3f}" for secs in found.values())
        print(f"{point.words:42}{row}")
    for name, secs in found.items():
        slopes = ", ".join(
            f"{panel} {slope(panel, wanted, secs):.2f}" for panel in BOUND_FROM
        )
        print(
            f"{name}: the least step takes {1e6 * secs[0]:.0f} us; where the"
            f" arithmetic counts, time grows by the power of {slopes}"
        )
    draw(wanted, found, machine)


if __name__ == "__main__":
    main()
