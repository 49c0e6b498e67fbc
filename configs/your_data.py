"""Your own data: point it at a folder, and change nothing.

The folder holds a table, an .npz, or x_train.npy and y_train.npy; shape, kind,
problem and classes are read from the data, and told in the run's first line.
See docs/your_data.md. Made to learn from a hundred rows as well as from 60,000
images: a run ends once the loss on the held-out rows goes down no more, and
the weights that did best there are the ones that are scored and saved.

  python -m trainer.task --config=configs/your_data.py --data_dir=DIR

Recipe: our own; early stopping after Prechelt 1998.
Score: 90 to 100 % on clean tables of 100 to 150 rows; more than 93 % on
MNIST's test digits after 20,000 of its training digits, both with inverted
colours; beside scikit-learn's models in docs/your_data.md.
Time: about 10 s and 20 s on two cores of an AMD EPYC.
"""

from trainer.config import Config
from trainer.config import DataConfig
from trainer.config import EvaluationConfig
from trainer.config import ModelConfig
from trainer.config import OptimizerConfig


def get_config() -> Config:
    return Config(
        # A length in epochs would be seconds for one folder, hours for another.
        steps=10_000,
        global_batch_size=32,
        data=DataConfig(source="files", validation_fraction=0.2),
        model=ModelConfig(hidden_units=(256, 128), dropout=0.3, l2=1e-3),
        # On few held-out rows, averaged weights score more steadily.
        optimizer=OptimizerConfig(name="adam", ema_decay=0.99),
        evaluation=EvaluationConfig(
            every_steps=50, select_by="loss", patience=8, min_delta=1e-3
        ),
    )
