"""A run that writers are told of, without one."""

import types

from trainer.config import Config
from trainer.input.epochs import Epochs
from trainer.journal.writer import Line
from trainer.journal.writer import Subject
from trainer.workdir.folder import Workdir

SECS = {"train": 30.0, "setup": 10.0, "paused": 100.0}
EXTRA = {
    "learning_rate": 0.1,
    "examples_per_sec": 100.0,
    "step_secs": 0.5,
    "input_wait_share": 0.25,
    "host_peak_memory_bytes": 3e8,
    "device_peak_memory_bytes": 4e8,
    "replicas": 2,
    "worker_secs/0": 0.4,
    "worker_secs/1": 0.3,
}


def subject_of(folder, first_step=8, restarts=2):
    """Returns a run of 20 steps, 4 an epoch, that goes on from one."""
    named = types.SimpleNamespace
    return Subject(
        config=Config(),
        dataset=named(name="digits"),  # type: ignore[arg-type]
        network=named(problem=named(type="binary")),  # type: ignore[arg-type]
        workdir=Workdir(str(folder)),
        epochs=Epochs(30, 8, 20),
        first_step=first_step,
        bar_steps=4,
        restarts=restarts,
    )


def tell_all(writer):
    """Tells a writer a little of everything that a number is made of."""
    writer.progress(10, {}, is_last=False)
    writer.progress(12, {}, is_last=True)
    values = {"loss": 0.5, "accuracy": 0.75}
    writer.line(Line(10, 3, "train", values, EXTRA, SECS))
    writer.line(Line(10, 3, "test", {"loss": 0.7}, {}, SECS))
    writer.alert(9, "input_bound at step 9: 40% of the time")
    writer.saved(9, 0.25)
