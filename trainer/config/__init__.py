"""What to train: the config's fields, their defaults and their rules.

A file in `configs/` has a `get_config()` that returns a `Config` in which only
what differs from the defaults is set.
"""

from trainer.config.sections import AugmentationConfig as AugmentationConfig
from trainer.config.sections import CheckpointConfig as CheckpointConfig
from trainer.config.sections import Config as Config
from trainer.config.sections import DataConfig as DataConfig
from trainer.config.sections import EvaluationConfig as EvaluationConfig
from trainer.config.sections import LogConfig as LogConfig
from trainer.config.sections import ModelConfig as ModelConfig
from trainer.config.sections import OptimizerConfig as OptimizerConfig
from trainer.config.sections import ScheduleConfig as ScheduleConfig
