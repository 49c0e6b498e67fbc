"""Rows whose spread float32 loses, from training to what is exported."""

import json

import numpy as np
import pytest

from trainer import load
from trainer import task
from trainer.process.exits import MISTAKE
from trainer.serving import export

SECONDS = np.random.RandomState(0).uniform(0, 60, (400, 1))


@pytest.mark.slow
@pytest.mark.parametrize("offset", [1.7e9, 2**60])
def test_an_offset_costs_nothing(tmp_path, capfd, offset):
    is_whole = isinstance(offset, int)
    x = (SECONDS.astype(np.int64) if is_whole else SECONDS) + offset
    y = (SECONDS[:, 0] > 30).astype(int)
    np.savez(tmp_path / "rows.npz", x_train=x, y_train=y)
    run = tmp_path / "run"
    quiet = ["--config.log.tensorboard=false", "--config.log.report=false"]
    code = task.main(
        [
            "--config=your_data",
            f"--data_dir={tmp_path}",
            f"--workdir={run}",
            "--config.steps=300",
            *quiet,
        ]
    )
    assert code == 0
    assert "of a spread that float32 would lose" in capfd.readouterr().out
    result = json.loads((run / "result.json").read_text())
    assert result["evaluation"]["test"]["accuracy"] > 0.9
    assert (load(str(run)).classes(x) == y).mean() > 0.9
    formats = "saved_model,keras,onnx" + ",tflite" * is_whole
    assert export.main([f"--workdir={run}", f"--formats={formats}"]) == 0
    if not is_whole:
        refused = export.main([f"--workdir={run}", "--formats=tflite"])
        assert refused == MISTAKE
        assert "takes the mean off in float64" in capfd.readouterr().err
