"""Every verb ends well, whatever becomes of its output, or is asked of it."""

import io
import os
import pathlib
import shutil
import signal
import sys

import numpy as np
import pytest

from tests import forked
from trainer import __main__ as command
from trainer.__main__ import VERBS
from trainer.process import exits

FULL = pathlib.Path("/dev/full")
# What each verb of a finished run is asked; {run} stands for its workdir, and
# {here} for a folder of the test's own. A verb that is missing prints its help.
WORDS = {
    "evaluate": "--workdir={run} --output={here}/scores.json",
    "predict": "--workdir={run} --input={here}/rows.npy",
    "export": "--workdir={run} --formats=keras",
    "inspect": "{here}/table.csv",
    "checkpoints": "{run} --verify --contents",
    "report": "{run} --output={here}/report.html",
    "compare": "{run} {here}/other --output={here}/page.html",
}
TABLE = "size,kind\n" + "1.5,\u00eb\n2.5,\u2013\n" * 20
# Of every other verb, a flag that names a place.
PLACES = {
    "train": "--config=digits --workdir={here}",
    "tensorboard": "{here}",
    "init": "{here}/new --data_dir={here}",
    "launch local": "-- --config=digits --workdir={here}",
    "launch slurm": "--dry_run -- --config=digits --data_dir {here}",
    "launch ssh": "--hosts=a --dry_run -- --config=digits --init_from={here}",
}
# What goes on where nobody reads it, since it works on something.
GUARDED = ("train", "sweep", "launch local", "launch ssh")
OF_A_RUN = sorted(WORDS.keys() - {"inspect"})


@pytest.fixture(scope="module")
def run(trained) -> pathlib.Path:
    with open(os.devnull, "wb") as nowhere:
        end_of(["--version"], nowhere)  # the fork server's start is no verb's
    return trained("multiclass")


@pytest.fixture
def words_of(run, tmp_path):
    """From a verb to its words, and the folder that they write to."""
    here = tmp_path / "here"

    def words(verb: str, workdir: pathlib.Path | None = None) -> list[str]:
        shutil.rmtree(here, ignore_errors=True)
        here.mkdir()
        (here / "table.csv").write_text(TABLE)
        for name in ("own", "other"):
            shutil.copytree(run, here / name)
        np.save(here / "rows.npy", np.zeros((9, 8, 8), np.uint8))
        rest = WORDS.get(verb, "--help").format(
            run=workdir or here / "own", here=here
        )
        return [*verb.split(), *rest.split()]

    return words


def end_of(words, stdout) -> int:
    """Returns the exit code of `strata WORDS`, its output to a file."""
    run = forked.start(
        "trainer.__main__", *words, environment=os.environ, stdout=stdout
    )
    return run.wait(120)


@pytest.mark.parametrize("first", ["", "launch"])
def test_help_shows_each_verb_once_in_the_order_of_the_table(first):
    lines = command.usage(first).splitlines()
    shown = [line[2:].split("  ")[0] for line in lines if line[:2] == "  "]
    assert shown == [name for name in VERBS if name.startswith(first)]


@pytest.mark.parametrize("verb", VERBS)
def test_a_reader_that_leaves_ends_a_verb_as_shells_expect(verb, words_of):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        expected = exits.DONE if verb in GUARDED else -signal.SIGPIPE
        assert end_of(words_of(verb), writing) == expected
    finally:
        os.close(writing)


@pytest.mark.skipif(not FULL.exists(), reason=f"there is no {FULL} here")
@pytest.mark.parametrize("verb", VERBS)
def test_output_that_is_lost_on_a_full_disk_is_no_success(verb, words_of):
    with open(FULL, "wb") as full:
        expected = exits.DONE if verb in GUARDED else exits.CLUSTER_FAILED
        assert end_of(words_of(verb), full) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", OF_A_RUN)
def test_a_signal_ends_a_verb_without_a_word(verb, number, words_of, tmp_path):
    """Each waits for its run's config when the signal comes."""
    waiting = tmp_path / "waiting"
    waiting.mkdir()
    os.mkfifo(waiting / "config.json")
    (waiting / "checkpoints" / "step_00000001").mkdir(parents=True)
    (waiting / "checkpoints" / "step_00000001" / "manifest.json").touch()
    if verb == "checkpoints":  # which reads no config
        fifo = waiting / "checkpoints" / "step_00000001" / "manifest.json"
        fifo.unlink()
        os.mkfifo(fifo)
    else:
        fifo = waiting / "config.json"
    words = words_of(verb, waiting)
    there = sorted(tmp_path.rglob("*"))
    asked = forked.start("trainer.__main__", *words, environment=os.environ)
    with open(fifo, "wb"):  # once the verb opens it, too
        asked.send_signal(number)
        printed, _ = asked.communicate(120)
    assert (asked.returncode, printed) == (-number, "")
    assert sorted(tmp_path.rglob("*")) == there


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_no_half_of_a_prediction(number, run, tmp_path):
    rows = np.lib.format.open_memmap(
        tmp_path / "rows.npy", "w+", np.uint8, (10_000_000, 8, 8)
    )
    rows.flush()
    asked = forked.start(
        "trainer.__main__",
        "predict",
        f"--workdir={run}",
        f"--input={tmp_path / 'rows.npy'}",
        f"--output={tmp_path / 'out.csv'}",
        environment=os.environ,
    )
    while not list(tmp_path.glob(".out.csv*")):
        assert asked.poll() is None
    asked.send_signal(number)
    printed, _ = asked.communicate(120)
    assert (asked.returncode, printed) == (-number, "")
    assert os.listdir(tmp_path) == ["rows.npy"]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_terminal_that_lacks_characters(
    verb, encoding, words_of, monkeypatch
):
    shown = io.BytesIO()
    terminal = io.TextIOWrapper(shown, encoding)
    words = words_of(verb)
    monkeypatch.setattr(sys, "stdout", terminal)
    assert command.main(words) == 0
    assert shown.getvalue()


def of_places():
    """Yields (verb, its words with a scheme of others at one of its places)."""
    for verb, line in (WORDS | PLACES).items():
        words = line.split()
        for place, word in enumerate(words):
            if "{" in word:
                flag = word.partition("{")[0]
                changed = [*words[:place], f"{flag}s3://bucket/it"]
                yield verb, [*changed, *words[place + 1 :]]


@pytest.mark.parametrize(("verb", "words"), list(of_places()))
def test_a_place_of_anothers_scheme_is_refused(
    verb, words, run, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    np.save("rows.npy", np.zeros((9, 8, 8), np.uint8))
    (tmp_path / "other").symlink_to(run)
    line = " ".join(words).format(run=run, here=tmp_path)
    assert command.main([*verb.split(), *line.split()]) == exits.MISTAKE
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert "begins with s3://" in told[0]
    assert sorted(os.listdir()) == ["other", "rows.npy"]
