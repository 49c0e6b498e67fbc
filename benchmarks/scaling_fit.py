"""The cost model's form against what benchmarks.replicas measured."""

import json

import numpy as np

from benchmarks import cost_model
from benchmarks.cost_model import Network
from benchmarks.replicas import BURST_SECS
from benchmarks.replicas import POINTS

MOST_ERROR = 0.3


def fit(points: list[dict]) -> np.ndarray:
    """Fits seconds of a step by least squares of relative errors.

    Args:
      points: of benchmarks.replicas.

    Returns:
      float64 [5]: seconds an operation and a weight of the update, a step,
      a byte that is sent, and an all-reduce.
    """
    rows = np.array([_terms(point) for point in points])
    wanted = np.array(
        [point["step_secs"] - _link_secs(point, BURST_SECS) for point in points]
    )
    scale = np.array([point["step_secs"] for point in points])
    return np.linalg.lstsq(rows / scale[:, None], wanted / scale, rcond=None)[0]


def predicted_secs(fitted: np.ndarray, point: dict) -> float:
    """Returns the modelled seconds of a step of a point."""
    # Bursts pass at once, yet no link carries more than its rate for long.
    return max(
        float(_terms(point) @ fitted) + _link_secs(point, BURST_SECS),
        _link_secs(point, 0.0),
    )


def _terms(point: dict) -> np.ndarray:
    network = Network(784, (point["width"],), 10)
    replicas = point["replicas"]
    sent = cost_model.ring_bytes(point["gradient_bytes"], replicas)
    rows = point["batch"] / replicas
    return np.array(
        [
            rows * network.flops_per_row,
            network.weights,
            1.0,
            sent,
            float(replicas > 1),
        ]
    )


def _link_secs(point: dict, burst_secs: float) -> float:
    """Returns how long a step's bytes take on a shaped link, but for a burst.

    It passes at once, and the link regains it while the workers compute.
    """
    if not point.get("bits_per_sec"):
        return 0.0
    sent = cost_model.ring_bytes(point["gradient_bytes"], point["replicas"])
    return max(0.0, 8 * sent / point["bits_per_sec"] - burst_secs)


def check() -> list[str]:
    """Holds the model against the half of the points that it was not fitted on.

    Returns:
      A line a point, and the greatest error.
    """
    found = json.loads(POINTS.read_text())
    points = [p for p in found["points"] if p["kind"] != "two logical devices"]
    # Of each width one batch, and the other one next time: alone, rows and
    # weights of one batch size cannot be told apart.
    halves: tuple[list[dict], list[dict]] = ([], [])
    for number, point in enumerate(points):
        halves[(number + number // 2) % 2].append(point)
    fitted = fit(halves[0])
    operation, weight, step, byte, reduce = fitted
    lines = [
        f"fitted on {len(halves[0])} points: {1e-9 / operation:.0f} GFLOP/s a"
        f" core, {1e9 * weight:.2f} ns a weight, {1e6 * step:.0f} us a step,"
        f" {1e-9 / byte:.2f} GB/s through a worker, {1e3 * reduce:.2f} ms an"
        " all-reduce"
    ]
    errors = []
    for point in halves[1]:
        secs = predicted_secs(fitted, point)
        errors.append(secs / point["step_secs"] - 1)
        lines.append(
            f"{point['kind']:20} 784-{point['width']}-10, batch"
            f" {point['batch']:4}: measured {1e3 * point['step_secs']:7.2f} ms,"
            f" modelled {1e3 * secs:7.2f} ({errors[-1]:+.0%})"
        )
    for point in points:
        if "sent_bytes" in point:
            sent = cost_model.ring_bytes(point["gradient_bytes"], 2)
            lines.append(
                f"{point['kind']:20} 784-{point['width']}-10 sends"
                f" {point['sent_bytes']:,.0f} bytes a step, a ring"
                f" {sent:,.0f}: {point['sent_bytes'] / sent - 1:+.2%}"
            )
    worst = max(map(abs, errors))
    verdict = "met" if worst <= MOST_ERROR else "MISSED"
    lines.append(
        f"greatest error of time {worst:.0%} (at most {MOST_ERROR:.0%}):"
        f" {verdict}"
    )
    return lines
