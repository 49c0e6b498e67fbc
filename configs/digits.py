"""Real handwritten digits that ship with scikit-learn: the first thing to run.

1,797 images of 8 x 8 pixels (Alpaydin & Kaynak 1998, UCI), a fifth of them
held out as the test split. No download.

  make train

Measured: filled in below.
"""

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import LogConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig


def get_config() -> Config:
    return Config(
        problem="multiclass",
        epochs=30,
        global_batch_size=32,
        data=DataConfig(source="digits", validation_fraction=0.1),
        model=ModelConfig(hidden_units=(128, 64)),
        optimizer=OptimizerConfig(name="adam", learning_rate=2e-3),
        log=LogConfig(every_steps=50),
    )
