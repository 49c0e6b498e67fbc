"""Event files: names of a stranger's in TensorBoard."""

import numpy as np
from tensorboard.backend.event_processing import event_accumulator

from tests.hostile import ACTING
from trainer.journal.event_files import EventFiles

NAME = "a\x1b]0;x\x07\u202eb"


def test_no_tag_and_no_text_acts(tmp_path):
    files = EventFiles(tmp_path, 0)
    files.scalars("test", 1, {f"recall/{NAME}": 0.5})
    files.text(NAME, 1, f"{NAME}\nand a line")
    files.pictures("test", 1, "worst", np.zeros((1, 2, 2, 1), np.uint8), NAME)
    files.precision_recall("test", 1, NAME, np.ones((4, 3), np.int64))
    files.close()
    shown = ""
    for split in ("test", "train"):
        found = event_accumulator.EventAccumulator(str(tmp_path / split))
        found.Reload()
        for tag in found.Tags()["tensors"]:
            shown += tag + found.SummaryMetadata(tag).summary_description
            if split == "train":  # the text
                (event,) = found.Tensors(tag)
                (words,) = event.tensor_proto.string_val
                shown += words.decode()
    assert shown.count(r"a\x1b]0;x\x07\u202eb") == 5
    assert {c for c in shown if c in ACTING} == {"\n"}
