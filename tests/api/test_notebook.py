"""docs/python.md, each block of it a cell of a notebook, as it is written."""

import pathlib
import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient

from tests import processes

DOCS = pathlib.Path(processes.ROOT) / "docs" / "python.md"
# What the stop button sends, once there is a line of metrics.
STOP = """
import os, pathlib, signal, threading
def press(lines=pathlib.Path("runs/flowers/metrics.jsonl")):
    while not lines.is_file() or not lines.stat().st_size:
        threading.Event().wait(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
"""


@pytest.fixture(scope="module")
def outputs(flowers, tmp_path_factory):
    """From the first words of a cell to its outputs."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copy(flowers[1], folder / "flowers.csv")
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    cells = [blocks[0], STOP, *blocks[1:]]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells]
    )
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    return [(cell["source"], cell["outputs"]) for cell in notebook["cells"]]


def texts(outputs, kind):
    return "".join(o["text"] for o in outputs if o.get("name") == kind)


@pytest.mark.slow
def test_the_docs_run_in_a_notebook(outputs):
    (_, first), _, (_, stopped), (_, gone_on), *_ = outputs
    assert "accuracy" in first[-1]["data"]["text/plain"]
    assert "<Run stopped at step" in stopped[-1]["data"]["text/plain"]
    assert gone_on[-1]["data"]["text/plain"] == "'done'"
    assert "going on from step_" in texts(gone_on, "stdout")
    pages = [o for _, found in outputs for o in found if "data" in o]
    assert any(
        "<iframe srcdoc" in o["data"].get("text/html", "") for o in pages
    )
    assert "export/1" in outputs[5][1][-1]["data"]["text/plain"]
    assert float(outputs[6][1][-1]["data"]["text/plain"].strip("np.float64()"))


@pytest.mark.slow
def test_nothing_is_said_that_was_not_asked_for(outputs):
    for source, found in outputs:
        assert texts(found, "stderr") == "", source
        if "trainer.fit" not in source:
            assert texts(found, "stdout") == "", source
    bars = texts(outputs[0][1], "stdout")
    assert re.search(r"^Epochs? 1\b", bars, re.MULTILINE)
    assert "\r" in bars or "\x08" in bars  # it moves


@pytest.mark.slow
def test_loading_a_run_says_nothing(trained):
    words = f"import trainer; trainer.load({str(trained('binary'))!r})"
    started = processes.start_python("-c", words)
    assert processes.finish(started) == (0, "")
