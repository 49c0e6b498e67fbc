"""PyTorch with `torch.compile` on the model, as its tutorial has it."""

import torch

from benchmarks.peers import pytorch

if __name__ == "__main__":
    pytorch.run(torch.compile)
