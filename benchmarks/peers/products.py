"""The floor: an epoch's matrix products alone, by PyTorch's library.

A step's five at 128 rows: x W1, h W2, their kernels' gradients, and the
gradient of h. There is no optimizer, no loss and no data.
"""

import json
import time

import torch

BATCH_SIZE, STEPS, ROUNDS = 128, 469, 5


def main() -> None:
    """Prints seconds of an epoch's products, each round's."""
    x = torch.rand(BATCH_SIZE, 784)
    h = torch.rand(BATCH_SIZE, 784)
    p = torch.rand(BATCH_SIZE, 10)
    first, second = torch.rand(784, 784), torch.rand(784, 10)
    epoch_secs = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(STEPS):
            torch.mm(x, first)
            torch.mm(h, second)
            torch.mm(h.T, p)
            torch.mm(p, second.T)
            torch.mm(x.T, h)
        epoch_secs.append(time.perf_counter() - began)
    print(json.dumps({"epoch_secs": epoch_secs}))


if __name__ == "__main__":
    main()
