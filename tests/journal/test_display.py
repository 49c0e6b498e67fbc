"""What stdout holds: for people, for a log file, and for machines."""

import json
import re
import types
from typing import Any

import pytest

from trainer import task
from trainer.input.epochs import Epochs
from trainer.journal.display import Display
from trainer.journal.json_lines import JsonDisplay
from trainer.journal.writer import Line

FLAGS = ("--config=digits", "--config.epochs=3")
SUBJECT: Any = types.SimpleNamespace(
    config=None,
    network=types.SimpleNamespace(problem=None, model=None),
    workdir=None,
    epochs=Epochs(examples=400, global_batch_size=10, total_steps=80),
    bar_steps=40,
)
LINE = Line(3, 1, "train", {"loss": 0.5}, {"rate": 0.1}, {"train": 1.0})


@pytest.mark.slow
def test_json_is_an_object_a_line(tmp_path, capsys):
    flags = [*FLAGS, "--log_format=json", f"--workdir={tmp_path}/run"]
    assert task.main(flags) == 0
    lines = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    assert all(line["unix_secs"] > 1.7e9 for line in lines)
    stored = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    told = [line for line in lines if "split" in line]
    assert len(told) == len(stored)
    for line, text in zip(told, stored, strict=True):
        values = json.loads(text)
        assert {name: line[name] for name in values} == values
    (result,) = [line["result"] for line in lines if "result" in line]
    stored = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["weights_sha256"] == stored["weights_sha256"]
    messages = [line["message"] for line in lines if "message" in line]
    assert messages[-1].startswith("MLP score: ")
    assert not any("Epoch" in message for message in messages)


def test_a_message_is_whole_however_it_was_written(capsys):
    display = JsonDisplay()
    with display.shown():
        print("one", end="")
        print(" line\n\nanother")
        display.writer(SUBJECT).line(LINE)  # type: ignore[arg-type]
    lines = [json.loads(x) for x in capsys.readouterr().out.splitlines()]
    for line in lines:
        del line["unix_secs"]
    assert lines == [
        {"message": "one line"},
        {"message": "another"},
        {"step": 3, "epoch": 1, "split": "train", "loss": 0.5, "rate": 0.1},
    ]


def test_numbers_for_machines_are_not_told_to_people(capsys):
    display = Display()
    with display.shown():
        display.writer(SUBJECT).line(LINE)  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""


def test_no_epoch_is_left_out_of_the_bars_headings(capsys):
    short: Any = types.SimpleNamespace(**vars(SUBJECT))
    short.epochs = Epochs(examples=30, global_batch_size=10, total_steps=20)
    short.bar_steps = 6
    shown = Display(1e6).writer(short)  # type: ignore[arg-type]
    for step in (0, 4, 6, 12, 18):
        shown.begin_chunk(step)
        shown.progress(step + 1, {}, is_last=step != 0)
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if line.startswith("Epoch")] == [
        "Epochs 1 to 2 of 7",
        "Epochs 3 to 4 of 7",
        "Epochs 5 to 6 of 7",
        "Epoch 7/7",
    ]


@pytest.mark.parametrize("every_secs, lines", [(0.0, 3), (1e6, 0)])
def test_without_a_terminal_a_line_comes_now_and_then(
    every_secs, lines, capsys
):
    shown = Display(every_secs).writer(SUBJECT)  # type: ignore[arg-type]
    for step in (0, 10, 20, 30):
        shown.begin_chunk(step)
        shown.progress(step + 10, {"loss": 0.5}, is_last=step == 30)
    printed = capsys.readouterr().out
    found = re.findall(
        r"^Epoch 1/2, step (\d+)/80: loss 0.5000; \S+ ms a step, \d+ s left$",
        printed,
        re.MULTILINE,
    )
    assert found == ["10", "20", "30"][:lines]
    assert "40/40" in printed
