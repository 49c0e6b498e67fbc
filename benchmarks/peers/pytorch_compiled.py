"""PyTorch with `torch.compile` on the training step, optimizer included.

Its documentation has it so: compile what encloses the most.
"""

import torch

from benchmarks.peers import pytorch

if __name__ == "__main__":
    pytorch.run(torch.compile)
