"""Regression to any value: a linear output, mean squared error.

442 patients described by ten measurements, to predict how far their diabetes
has gone on a year later, a number from 25 to 346. Both measurements and values
are real. A fifth is held out as the test split. The measurements tell only
half of it: linear regression comes to an R2 of 0.33 on the same split, so the
network is small, penalised, and stopped early.

  python -m trainer.task --config=diabetes

Data: B. Efron, T. Hastie, I. Johnstone & R. Tibshirani 2004, Least Angle
Regression; ships inside scikit-learn. No download.
Score: R2 of 0.348 on 89 test rows (0.334 and 0.328, seeds 0 and 1).
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
        problem="regression",
        epochs=100,
        global_batch_size=32,
        data=DataConfig(source="diabetes", validation_fraction=0.2),
        model=ModelConfig(hidden_units=(32,), l2=1e-2),
        optimizer=OptimizerConfig(name="adam"),
        evaluation=EvaluationConfig(select_by="loss", patience=10),
        log=LogConfig(every_steps=20),
    )
