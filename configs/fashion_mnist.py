"""Fashion-MNIST: 70,000 pictures of clothing, harder than digits.

NOT RUN on the real data, which was not at hand when this was written: the
recipe is that of mnist_deep at a smaller width, and it has no score to show.

  python -m trainer.task --config=fashion_mnist

Data: H. Xiao, K. Rasul & R. Vollgraf 2017, Fashion-MNIST: a novel image
dataset for benchmarking machine learning algorithms, arXiv:1708.07747.
Measured: nothing.
"""

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig
from trainer.config import ScheduleConfig


def get_config() -> Config:
    return Config(
        problem="multiclass",
        epochs=20,
        data=DataConfig(source="fashion_mnist", validation_fraction=0.05),
        model=ModelConfig(hidden_units=(512, 256), dropout=0.2),
        optimizer=OptimizerConfig(
            name="adam",
            ema_decay=0.999,
            schedule=ScheduleConfig(name="cosine", warmup_fraction=0.05),
        ),
        evaluation=EvaluationConfig(select_by="accuracy"),
    )
