"""What to search for MNIST: width, rate, dropout and batch of mnist_fast.

strata sweep --config=mnist_fast --study=sweeps/mnist.py --data_dir=DIR
"""

from trainer.launch.sweep.study import Choice
from trainer.launch.sweep.study import Layers
from trainer.launch.sweep.study import Number
from trainer.launch.sweep.study import Study


def get_study() -> Study:
    return Study(
        space={
            "model.hidden_units": Layers(depth=(1, 2), width=(64, 512)),
            "optimizer.learning_rate": Number(1e-3, 3e-2, log=True),
            "model.dropout": Number(0.0, 0.4),
            "global_batch_size": Choice((64, 128, 256)),
        },
        metric="accuracy",
        sampler="tpe",
        pruner="median",
    )
