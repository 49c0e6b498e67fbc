"""PyTorch's steps for benchmarks.growth: points in, seconds a step out."""

import itertools
import json
import sys
import time
from collections.abc import Iterator

import torch
from torch import nn

LEAST_SECS = 0.3


def batches(rows: int, batch: int) -> Iterator[torch.Tensor]:
    """Yields the rows of each step, in a new order each epoch."""
    while True:
        yield from torch.randperm(rows).split(batch)


def step_secs(point: dict) -> float:
    """Returns the mean seconds of a step, over LEAST_SECS or more."""
    torch.manual_seed(0)
    x = torch.rand(point["rows"], point["features"])
    y = torch.randint(0, 10, (point["rows"],))
    widths = [point["features"], *[point["width"]] * point["depth"]]
    layers = [
        layer
        for ins, outs in itertools.pairwise(widths)
        for layer in (nn.Linear(ins, outs), nn.ReLU())
    ]
    model = nn.Sequential(*layers, nn.Linear(widths[-1], 10))
    optimizer = torch.optim.RMSprop(
        model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7
    )
    loss_of = nn.CrossEntropyLoss()
    orders = batches(point["rows"], point["batch"])

    def step() -> None:
        rows = next(orders)
        optimizer.zero_grad(set_to_none=True)
        loss_of(model(x[rows]), y[rows]).backward()
        optimizer.step()

    step()
    steps, began = 0, time.perf_counter()
    while time.perf_counter() - began < LEAST_SECS:
        step()
        steps += 1
    return (time.perf_counter() - began) / steps


if __name__ == "__main__":
    print(json.dumps([step_secs(point) for point in json.load(sys.stdin)]))
