"""Multilabel classification: a sigmoid each, binary cross-entropy.

Of each handwritten digit, four independent questions: is it even, has it a
closed loop, is it more than four, is it prime? The 1,797 images are real; the
labels are DERIVED from each digit's class, and nobody looked at the image to
give them. A fifth is held out as the test split.

  python -m trainer.task --config=digits_attributes

Data: E. Alpaydin & C. Kaynak 1998, Optical Recognition of Handwritten Digits,
UCI; ships inside scikit-learn. No download.
Score: 98.54 % of labels right; all four in 95.3 % of 359 test rows.
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
        problem="multilabel",
        epochs=40,
        global_batch_size=32,
        data=DataConfig(source="digits_attributes", validation_fraction=0.1),
        model=ModelConfig(hidden_units=(128, 64)),
        optimizer=OptimizerConfig(name="adam", learning_rate=2e-3),
        evaluation=EvaluationConfig(select_by="loss", patience=10),
        log=LogConfig(every_steps=50),
    )
