"""The MNIST recipe of the Keras course notes, exactly.

784 -> 784 ReLU -> 10 softmax (623,290 parameters), one-hot labels, categorical
cross-entropy, RMSprop at 1e-3, batches of 128, 5 epochs of 469 steps, scored on
the test split in 313 batches of 32.

  python -m trainer.task --config=mnist

Data: LeCun, Cortes & Burges, the MNIST database of handwritten digits.
"""

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig


def get_config() -> Config:
    return Config(
        problem="multiclass",
        label_encoding="one_hot",
        seed=42,
        epochs=5,
        global_batch_size=128,
        data=DataConfig(source="mnist", normalization="scale"),
        model=ModelConfig(hidden_units=(784,), activation="relu"),
        optimizer=OptimizerConfig(name="rmsprop", learning_rate=1e-3),
        evaluation=EvaluationConfig(global_batch_size=32),
    )
