"""What may differ between two starts of one run."""

from trainer.config.sections import Config
from trainer.config.sections import ScheduleConfig
from trainer.config.values import flatten

# What may differ between two starts of one run: how it is saved and logged.
FREE_ON_RESUME = ("checkpoint.", "log.", "steps_per_execution")


def changed_fields(before: Config, now: Config) -> list[str]:
    """Names the fields in which a second start may not differ, and does.

    Args:
      before: the config that the run was started with.
      now: the config of this start.

    Returns:
      Lines such as "seed: 42 -> 43"; empty where the run may go on. A longer
      run may go on where no schedule depends on the length.
    """
    was, new = flatten(before), flatten(now)
    grows = (
        now.optimizer.schedule == ScheduleConfig()
        and not now.data.augmentation.fade_fraction
    )
    changes = []
    for path, value in new.items():
        old = was[path]
        if old == value or path.startswith(FREE_ON_RESUME):
            continue
        longer = bool(old and value) and path in ("epochs", "steps")
        if longer and grows and value > old:
            continue
        changes.append(f"{path}: {old} -> {value}")
    return changes
