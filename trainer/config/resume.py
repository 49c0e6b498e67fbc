"""What may differ between two starts of one run."""

from trainer.config.sections import Config
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
      run may go on where its steps so far do not depend on the length.
    """
    was, new = flatten(before), flatten(now)
    why_fixed = None
    if not now.optimizer.schedule.is_constant:
        why_fixed = "optimizer.schedule"
    elif now.data.augmentation.fade_fraction:
        why_fixed = "data.augmentation.fade_fraction"
    changes = []
    for path, value in new.items():
        old = was[path]
        if old == value or path.startswith(FREE_ON_RESUME):
            continue
        told = f"{path}: {old} -> {value}"
        if path in ("epochs", "steps") and old and value and value > old:
            if why_fixed is None:
                continue
            told += f" (config.{why_fixed} goes by the whole length)"
        changes.append(told)
    return changes
