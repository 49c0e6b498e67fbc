"""Regression to counts: an exponential output, Poisson's loss.

From the top half of a handwritten digit, how many pixels of the bottom half,
which is not shown, are dark? Each digit was scanned at 32x32 pixels, black or
white; an image's numbers from 0 to 16 count the dark ones of 4x4 each. The
1,797 images are real; the target is COMPUTED from them: 56 to 260, on average
155. A fifth is held out as the test split.

  python -m trainer.task --config=digits_pixels

Data: E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits,
UCI; ships inside scikit-learn. No download.
Score: D2 of 0.574 on 359 test rows, a mean error of 17 pixels; scikit-learn's
linear PoissonRegressor comes to 0.40.
Time: 9 s of processor time, the whole process, on 2 cores of an Intel Xeon.
"""

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config import LogConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig


def get_config() -> Config:
    return Config(
        problem="count",
        epochs=40,
        global_batch_size=32,
        data=DataConfig(source="digits_pixels", validation_fraction=0.1),
        model=ModelConfig(hidden_units=(128, 64)),
        optimizer=OptimizerConfig(name="adam", learning_rate=2e-3),
        evaluation=EvaluationConfig(select_by="loss", patience=10),
        log=LogConfig(every_steps=50),
    )
