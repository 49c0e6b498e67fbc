"""`strata init`: the first files of a project."""

import errno
import os
import pathlib
import shutil
import subprocess

import pytest

from trainer import flags
from trainer.storage.files import write_atomically
from trainer.workbench import project


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys, *words):
    """Returns the one line that a mistake is told by."""
    assert project.main(list(words)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_project_has_three_files_and_says_what_comes_next(here, capsys):
    assert project.main(["flowers"]) == 0
    shown = capsys.readouterr().out
    assert shown.splitlines()[-1] == "next: cd flowers && make train"
    assert sorted(os.listdir("flowers")) == sorted(project.FILES)
    assert (here / "flowers/README.md").read_text().startswith("# flowers\n")


def test_its_config_trains_the_digits(here):
    project.main([])
    _, config = flags.parse(["--config=experiment.py"])
    assert config.data.source == "digits"


def test_its_config_names_the_table_and_its_labels(here):
    (here / "own.csv").touch()
    project.main(["--data_dir=own.csv", "--target=a 'b'\""])
    _, config = flags.parse(["--config=experiment.py"])
    assert (config.data.source, config.data.target) == ("files", "a 'b'\"")
    assert "\nDATA = own.csv\n" in (here / "Makefile").read_text()


def test_data_beside_the_project_is_named_from_the_root(here):
    (here / "own.csv").touch()
    project.main(["flowers", "--data_dir=own.csv"])
    assert (
        f"\nDATA = {here}/own.csv\n" in (here / "flowers/Makefile").read_text()
    )


def make(*words):
    """Returns what make prints; one around it hands on its own variables."""
    return subprocess.run(
        ["make", *words],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
@pytest.mark.parametrize(
    "name", ["own.csv", "it's $(x) #1; `y`.csv", "ü\\.csv"]
)
def test_make_hands_the_words_on_whole(name, here):
    (here / name).touch()
    project.main([f"--data_dir={name}", "--target=kind"])
    (here / "show").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (here / "show").chmod(0o755)
    said = make("train", "STRATA=./show", "ARGS=--config.epochs=3")
    assert said.splitlines() == [
        "train",
        "--config=experiment.py",
        "--workdir=runs/experiment",
        f"--data_dir={name}",
        "--config.epochs=3",
    ]


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
@pytest.mark.parametrize("target", ["kind", "a 'b'$ #1"])
def test_make_inspects_the_table_by_the_labels_of_the_project(target, here):
    (here / "own.csv").touch()
    project.main(["--data_dir=own.csv", f"--target={target}"])
    said = make("inspect", "STRATA=printf '%s\\n'")
    assert said.splitlines() == [
        "inspect",
        "own.csv",
        f"--target={target}",
    ]


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make here")
def test_make_alone_lists_the_targets(here):
    project.main([])
    assert "  train         train experiment.py, or go on" in make()


@pytest.mark.parametrize("name", project.FILES)
def test_nothing_is_written_over(name, here, capsys):
    (here / name).write_text("mine")
    assert f"{name} of {here} would be written over" in told(capsys)
    assert os.listdir() == [name]
    assert (here / name).read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--target=x"], "--target=x is of a table; name it by --data_dir"),
        (["--data_dir=no.csv"], "no.csv is neither a file nor a folder"),
        (["--data_dir=s3://x"], "begins with s3://"),
        (["--data_dir=a\n"], "--data_dir='a\\n' has a line's end"),
        (["--data_dir=/", "--target=a\nb"], "--target='a\\nb' has a line's"),
        (["--data_dir=\udcff.csv"], r"'\udcff.csv' has a byte in its name"),
        (
            ["--data_dir=/", "--target=a\udcff"],
            r"--target='a\udcff' has a byte",
        ),
        (["gs://x/y"], "gs://"),
        (["file/below"], "cannot be written to"),
        (["a", "b"], "takes one FOLDER"),
    ],
)
def test_a_mistake_is_one_line(words, line, here, capsys):
    pathlib.Path("file").touch()
    assert line in told(capsys, *words)
    assert os.listdir() == ["file"]


def test_a_folder_around_the_data_is_named_in_utf_8_too(
    here, capsys, monkeypatch
):
    (here / "\udcff").mkdir()
    monkeypatch.chdir(here / "\udcff")
    pathlib.Path("own.csv").touch()
    assert "is no UTF-8" in told(capsys, "flowers", "--data_dir=own.csv")
    assert os.listdir() == ["own.csv"]


def test_all_files_are_written_or_none(here, capsys, monkeypatch):
    def refuse(path, content):
        if path.name == project.FILES[-1]:
            raise OSError(errno.EACCES, "Permission denied")
        write_atomically(path, content)

    monkeypatch.setattr(project, "write_atomically", refuse)
    assert "cannot be written to" in told(capsys)
    assert not os.listdir()
