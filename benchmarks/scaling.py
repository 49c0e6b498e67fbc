"""What more replicas would bring: modelled, not run.

  python -m benchmarks.scaling --config=mnist --hardware=h100 --replicas=64
  python -m benchmarks.scaling --check
  python -m benchmarks.scaling --plots

The first answers for a config, in a second and without TensorFlow; --check fits
the model's form on half of what benchmarks.replicas measured and holds it
against the other half; --plots draws docs/images/scaling_*.png.
"""

import argparse
import pathlib
import sys

from benchmarks import cost_model
from benchmarks import scaling_fit
from benchmarks.cost_model import Network
from benchmarks.hardware import HARDWARE
from trainer import flags as flags_lib
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb

ROOT = pathlib.Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
REPLICAS = (8, 16, 32, 64, 128, 256, 512, 1024)
MOST_REPLICAS = 2**20
# (name, network, batch that all share, batch of each replica)
DRAWN = (
    ("mnist 784-784-10", Network(784, (784,), 10), 8192, 128),
    (
        "mnist_deep 784-512-512-256-10",
        Network(784, (512, 512, 256), 10),
        8192,
        128,
    ),
    ("784-8192-8192-10", Network(784, (8192, 8192), 10), 65_536, 1024),
    ("4096-16384x4-1000", Network(4096, (16_384,) * 4, 1000), 65_536, 1024),
)


def answer(
    network: Network,
    global_batch_size: int,
    replicas: int,
    hardware_name: str,
    precision: str,
) -> list[str]:
    """Returns what is to be expected, a line each."""
    hardware = HARDWARE[hardware_name]
    place = (replicas, hardware, precision)
    step = cost_model.step_of(network, global_batch_size, *place)
    strong, weak = (
        cost_model.efficiency(network, global_batch_size, *place, weak=weak)
        for weak in (False, True)
    )
    quicker, pays = (
        cost_model.paying_batch(network, *place, least=least)
        for least in (1 / replicas, cost_model.GOOD_EFFICIENCY)
    )
    failure_secs = cost_model.failure_secs(replicas)
    interval_secs = cost_model.best_interval_secs(
        cost_model.CHECKPOINT_SECS, failure_secs
    )
    useful = cost_model.goodput(
        interval_secs,
        cost_model.CHECKPOINT_SECS,
        cost_model.RESTART_SECS,
        failure_secs,
    )
    return [
        f"modelled, not run: {replicas} x {hardware.words}, {precision},"
        f" {network.weights:,} weights, batch {global_batch_size:,}",
        f"step       {1e3 * step.secs:.3f} ms: compute"
        f" {1e3 * step.compute_secs:.3f}, all-reduce"
        f" {1e3 * step.reduce_secs:.3f}, fixed {1e3 * step.fixed_secs:.3f};"
        f" input beside it {1e3 * step.input_secs:.3f}",
        f"speed      {global_batch_size / step.secs:,.0f} examples/s",
        f"efficiency {strong:.0%} with this batch shared by all (strong),"
        f" {weak:.0%} with this batch on each (weak)",
        f"quicker than one replica {_from(quicker)}; at"
        f" {cost_model.GOOD_EFFICIENCY:.0%} efficiency {_from(pays)}",
        f"checkpoint every {interval_secs / 60:,.0f} min, a failure every"
        f" {failure_secs / 3600:,.0f} h: goodput {useful:.2%}",
    ]


def _from(batch: int | None) -> str:
    if batch is None:
        return "with no batch, since hosts cannot feed rows this cheap"
    return f"from batch {batch:,}"


def plot(name: str, title: str, *, weak: bool) -> None:
    """Draws the efficiency of each network on each kind of hardware."""
    from matplotlib.figure import Figure

    from trainer.charts.drawings import COLOURS
    from trainer.charts.drawings import DASHES

    figure = Figure(figsize=(11.0, 3.9), layout="constrained")
    for axes, hardware in zip(
        figure.subplots(1, len(HARDWARE), sharey=True),
        HARDWARE.values(),
        strict=True,
    ):
        for i, (words, network, shared, own) in enumerate(DRAWN):
            found = [
                cost_model.efficiency(
                    network,
                    own if weak else shared,
                    replicas,
                    hardware,
                    "bfloat16",
                    weak=weak,
                )
                for replicas in REPLICAS
            ]
            batch = f"{own:,} each" if weak else f"{shared:,} in all"
            axes.semilogx(
                REPLICAS,
                [100 * each for each in found],
                base=2,
                color=COLOURS[i],
                linestyle=DASHES[i],
                label=f"{words}, batch {batch}",
            )
        axes.set(
            title=hardware.words,
            xlabel="replicas",
            xticks=REPLICAS,
            ylim=(0, 105),
        )
        axes.set_xticks(REPLICAS, [str(n) for n in REPLICAS], fontsize=8)
        axes.grid(color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        axes.text(
            *(0.5, 0.5, "modelled, not run"),
            transform=axes.transAxes,
            ha="center",
            color="#bbbbbb",
            fontsize=13,
            rotation=20,
            zorder=0,
        )
    figure.axes[0].set_ylabel("efficiency, %")
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    figure.suptitle(f"{title}; bfloat16; modelled, not run", fontsize=11)
    figure.savefig(IMAGES / f"scaling_{name}.png", dpi=110)


def plots() -> list[str]:
    """Draws both plots, and tells from which batch more replicas pay."""
    plot("strong", "Strong scaling, one batch shared by all", weak=False)
    plot("weak", "Weak scaling, the same batch on each replica", weak=True)
    lines = []
    for key, hardware in HARDWARE.items():
        for words, network, *_ in DRAWN:
            found = [
                cost_model.paying_batch(network, n, hardware, "bfloat16")
                for n in (8, 64, 512)
            ]
            told = ", ".join(
                f"{batch:,}" if batch else "none" for batch in found
            )
            lines.append(
                f"{key}, {words}: pays at 8, 64, 512 from batch {told}"
            )
    return lines


def _read_config(asked: argparse.Namespace) -> tuple[Network, int, str]:
    _, config = flags_lib.parse([f"--config={asked.config}"])
    network = Network(asked.features, config.model.hidden_units, asked.outputs)
    precision = asked.precision or config.precision
    known = HARDWARE[asked.hardware].flops_per_sec
    if precision not in known:
        raise UserError(
            f"--precision={precision} is not known of {asked.hardware}; take"
            f" one of {', '.join(known)}"
        )
    return (
        network,
        asked.global_batch_size or config.global_batch_size,
        precision,
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_REPLICAS:
        raise argparse.ArgumentTypeError(
            f"{text!r} must be a whole number from 1 to {MOST_REPLICAS}"
        )
    return int(text)


@verb
def main(argv: list[str]) -> int:
    """Answers for a config, checks the model, or draws the plots.

    Raises:
      UserError: a flag, or the config, is wrong.
    """
    parser = Parser("python -m benchmarks.scaling", __doc__ or "")
    parser.add_argument("--config", help="file, or name of a shipped config")
    parser.add_argument("--hardware", choices=list(HARDWARE), default="h100")
    parser.add_argument("--replicas", type=_count, default=8)
    parser.add_argument("--global_batch_size", type=_count)
    parser.add_argument("--precision")
    parser.add_argument("--features", type=_count, default=784)
    parser.add_argument("--outputs", type=_count, default=10)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--plots", action="store_true")
    asked = parser.parse_args(argv)
    if asked.check:
        lines = scaling_fit.check()
    elif asked.plots:
        lines = plots()
    elif asked.config:
        network, batch, precision = _read_config(asked)
        lines = answer(
            network, batch, asked.replicas, asked.hardware, precision
        )
    else:
        raise UserError(
            "--config is missing; name a file or a shipped config, or give"
            " --check or --plots"
        )
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
