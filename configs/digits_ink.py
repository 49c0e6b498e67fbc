"""Regression to values in [0, 1]: a sigmoid output.

From the top half of a handwritten digit, what share of its ink lies in the
bottom half, which is not shown? The 1,797 images are real; the target is
COMPUTED from them. A fifth is held out as the test split. Two losses fit this
problem: mean squared error, taken here, and binary cross-entropy, by

  python -m trainer.task --config=digits_ink --config.loss=binary_crossentropy

  python -m trainer.task --config=digits_ink

Data: E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits,
UCI; ships inside scikit-learn. No download.
Score: R2 of 0.859 on 359 test rows, a mean error of 0.027.
Time: 6 s, the whole process, on two cores of an AMD EPYC with AVX-512.
"""

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config import LogConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig


def get_config() -> Config:
    return Config(
        problem="bounded_regression",
        epochs=40,
        global_batch_size=32,
        data=DataConfig(source="digits_ink", validation_fraction=0.1),
        model=ModelConfig(hidden_units=(128, 64)),
        optimizer=OptimizerConfig(name="adam", learning_rate=2e-3),
        evaluation=EvaluationConfig(select_by="loss", patience=10),
        log=LogConfig(every_steps=50),
    )
