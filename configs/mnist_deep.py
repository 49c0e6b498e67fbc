"""MNIST with what has been learned since: a deeper, regularised network.

784 -> 512 -> 512 -> 256 -> 10 ReLU units with dropout (Srivastava et al. 2014),
Adam (Kingma & Ba 2015) with a warm-up and a cosine decay (Loshchilov & Hutter
2017), and scores of the moving average of the weights (Polyak & Juditsky 1992).
A twentieth of the training rows is held out, and the weights that do best
there are the ones that are scored.

  python -m trainer.task --config=mnist_deep

Data: Y. LeCun, C. Cortes & C. Burges, the MNIST database of handwritten digits.
Score: 98.47 % of 10,000 test digits.
Time: 61 s, the whole process, on two cores of an AMD EPYC with AVX-512.
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
        label_encoding="integer",
        epochs=20,
        data=DataConfig(source="mnist", validation_fraction=0.05),
        model=ModelConfig(hidden_units=(512, 512, 256), dropout=0.3),
        optimizer=OptimizerConfig(
            name="adam",
            learning_rate=2e-3,
            clip_norm=1.0,
            ema_decay=0.999,
            schedule=ScheduleConfig(name="cosine", warmup_fraction=0.05),
        ),
        evaluation=EvaluationConfig(select_by="accuracy"),
    )
