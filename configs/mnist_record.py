"""MNIST as well as we know a plain MLP to do it: mnist_best, given its time.

784 -> 1500 -> 1000 -> 500 -> 10 ReLU units on distorted digits, as mnist_best
has them, for 1,000 epochs in place of 120. Products are bfloat16's, which a
processor with AVX-512-BF16 or AMX works out at twice float32's rate; any other
says so, and is quicker with `--config.precision=float32`. Weights, their
average and the update are float32 all the same. Batches of 512 move the
optimizer's arrays a quarter as often. Weights decay less, since the longer run
has them decay for longer.

  python -m trainer.task --config=mnist_record

Precision and batch were chosen on 10,000 of the training rows, seed 42, in 40
epochs, as docs/speed.md has it; the length is what two hours hold.

Data: as in configs/mnist.py.
Score: 99.58 % of 10,000 test digits, the median of seeds 0 to 2 (99.62, 99.58
  and 99.54 %).
Time: 50 to 117 min of training on two cores with AVX-512-BF16, docs/speed.md.
"""

from trainer.config import AugmentationConfig
from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig
from trainer.config import ScheduleConfig


def get_config() -> Config:
    return Config(
        problem="multiclass",
        label_encoding="integer",
        epochs=1000,
        global_batch_size=512,
        precision="bfloat16",
        data=DataConfig(
            source="mnist",
            normalization="scale",
            augmentation=AugmentationConfig(
                rotation_degrees=12.0,
                scale=0.12,
                shear=0.12,
                shift_pixels=1.5,
                elastic_alpha_pixels=30.0,
                fade_fraction=0.3,
            ),
        ),
        model=ModelConfig(
            hidden_units=(1500, 1000, 500), kernel_initializer="he_normal"
        ),
        optimizer=OptimizerConfig(
            name="adamw",
            learning_rate=2.1e-3,
            weight_decay=0.05,
            ema_decay=0.999,
            schedule=ScheduleConfig(name="cosine", warmup_fraction=0.01),
        ),
    )
