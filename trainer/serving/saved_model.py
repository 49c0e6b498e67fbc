"""A run's SavedModel alone, at the end of the run itself."""

import pathlib
import shutil

from trainer.finished import trained_run
from trainer.serving import formats
from trainer.serving.load import TrainedModel
from trainer.storage.files import new_folder


def write(workdir: pathlib.Path, folder: pathlib.Path) -> None:
    """Writes a finished run's SavedModel, in place of an earlier one.

    Args:
      workdir: of the run.
      folder: that becomes the SavedModel.
    """
    model = TrainedModel(trained_run.read(workdir))
    with new_folder(folder) as aside:
        formats.write_saved_model(model, aside)
        shutil.rmtree(folder, ignore_errors=True)
