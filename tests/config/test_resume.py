"""What may differ between two starts of one run."""

import pytest

from trainer.config.resume import changed_fields
from trainer.config.values import from_dict

SCHEDULE = {"optimizer.schedule.name": "cosine"}
# A field of a schedule that is not used.
UNUSED = {"optimizer.schedule.final_fraction": 0.1}
WHOLE = "goes by the whole length"


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        ({}, {}, []),
        ({}, {"checkpoint.keep": 9, "log.every_steps": 9}, []),
        ({}, {"steps_per_execution": 9}, []),
        ({}, {"seed": 43}, ["seed: 42 -> 43"]),
        ({}, {"loss": "mse"}, ["loss: None -> mse"]),
        (
            {},
            {"seed": 1, "model.hidden_units": (9, 9)},
            ["seed: 42 -> 1", "model.hidden_units: [128] -> [9, 9]"],
        ),
        ({"epochs": 3}, {"epochs": 4}, []),
        ({"steps": 3}, {"steps": 4}, []),
        ({"steps": 3, **UNUSED}, {"steps": 4, **UNUSED}, []),
        ({"epochs": 4}, {"epochs": 3}, ["epochs: 4 -> 3"]),
        (
            {"epochs": 3},
            {"steps": 300},
            ["epochs: 3 -> None", "steps: None -> 300"],
        ),
        (
            {"epochs": 3, **SCHEDULE},
            {"epochs": 4, **SCHEDULE},
            [f"epochs: 3 -> 4 (config.optimizer.schedule {WHOLE})"],
        ),
        (
            {"epochs": 3, "optimizer.schedule.warmup_fraction": 0.1},
            {"epochs": 4, "optimizer.schedule.warmup_fraction": 0.1},
            [f"epochs: 3 -> 4 (config.optimizer.schedule {WHOLE})"],
        ),
        (
            {"epochs": 3, "data.augmentation.fade_fraction": 0.1},
            {"epochs": 4, "data.augmentation.fade_fraction": 0.1},
            [
                "epochs: 3 -> 4 (config.data.augmentation.fade_fraction"
                f" {WHOLE})"
            ],
        ),
    ],
    ids=str,
)
def test_what_may_change_on_resume(before, now, changes):
    pair = from_dict(before), from_dict(now)
    assert changed_fields(*pair) == changes
