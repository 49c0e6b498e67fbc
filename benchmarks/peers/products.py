"""The floor: an epoch's matrix products alone, by a library.

  python -m benchmarks.peers.products numpy|torch EPOCHS

A step's five at 128 rows: x W1, h W2, their kernels' gradients, and the
gradient of h. There is no optimizer, no loss and no data. PyTorch's products
are MKL's, NumPy's are OpenBLAS's: which are quicker depends on the processor's
make. Each has a process of its own, since their threads would disturb others'.
"""

import importlib
import json
import sys

import numpy as np

from benchmarks.peers import data

BATCH_SIZE, STEPS = 128, 469
SHAPES = (*[(BATCH_SIZE, 784)] * 2, (BATCH_SIZE, 10), (784, 784), (784, 10))


def main() -> None:
    """Prints seconds of each epoch's products."""
    library = importlib.import_module(sys.argv[1])
    random, multiply = np.random.default_rng(0), library.matmul
    x, h, p, first, second = (
        library.asarray(random.random(shape, np.float32)) for shape in SHAPES
    )
    epochs = data.Epochs()
    for _ in epochs.each(int(sys.argv[2])):
        for _ in range(STEPS):
            multiply(x, first)
            multiply(h, second)
            multiply(h.T, p)
            multiply(p, second.T)
            multiply(x.T, h)
    print(json.dumps({"epoch_secs": epochs.secs}))


if __name__ == "__main__":
    main()
