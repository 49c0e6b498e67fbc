"""PyTorch: the arrays as tensors, indexed by a shuffled order, eager.

The optimizer's passes over the arrays are joined (`foreach`). How many threads
are quickest is asked beforehand, by OMP_NUM_THREADS.
"""

from collections.abc import Callable

import torch
from torch import nn

from benchmarks.peers import data

BATCH_SIZE = 128


def run(faster: Callable = lambda step: step) -> None:
    """Trains, scores and tells.

    Args:
      faster: makes a faster training step of one.
    """
    asked = data.asked()
    torch.manual_seed(asked.seed)
    arrays = data.load(asked.data_dir)
    train_x, test_x = (torch.from_numpy(data.rows(arrays[i])) for i in (0, 2))
    train_y, test_y = (torch.tensor(arrays[i]).long() for i in (1, 3))
    model = nn.Sequential(nn.Linear(784, 784), nn.ReLU(), nn.Linear(784, 10))
    # As Keras has it: its decay, and its initial weights.
    for layer in (model[0], model[2]):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    optimizer = torch.optim.RMSprop(
        model.parameters(), lr=1e-3, alpha=0.9, eps=1e-7, foreach=True
    )
    loss_of = nn.CrossEntropyLoss()

    @faster
    def step(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    epochs = data.Epochs()
    for _ in epochs.each(asked.epochs):
        total = torch.zeros(())
        for rows in torch.randperm(len(train_x)).split(BATCH_SIZE):
            total += step(train_x[rows], train_y[rows]) * len(rows)
        print(f"loss {total.item() / len(train_x):.4f}")
    with torch.no_grad():
        right = model(test_x).argmax(1) == test_y
    data.tell(epochs, right.float().mean().item())


if __name__ == "__main__":
    run()
