"""The docs as a site, and what their shell blocks ask for."""

import contextlib
import importlib
import importlib.metadata
import io
import os
import pathlib
import re
import subprocess
import sys

import pytest

from trainer import flags
from trainer.__main__ import VERBS
from trainer.config.values import types
from trainer.process.extras import DISTRIBUTION

ROOT = pathlib.Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
# This project's, and that of a project of a user's own.
MAKEFILES = [
    ROOT / "Makefile",
    ROOT / "trainer" / "workbench" / "templates" / "Makefile.jinja",
]
# What stands for a name that a contributor chooses.
YOURS = "yours"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--(?:no)?([a-z][\w.]*)")
TRAINER = re.compile(r"(?:strata train|python -m trainer\.task)\b")


def commands(page):
    """Returns the lines of a page's shell blocks, each whole."""
    found = []
    for block in BLOCK.findall(page.read_text()):
        joined = re.sub(r"\\\n\s*|\n\s+(?=\[?--)", " ", block)
        found += [
            re.sub(r"(^|\s)#.*", "", line) for line in joined.splitlines()
        ]
    return [line.strip() for line in found if line.strip()]


def help_of(verb, command):
    """Returns what the --help of a verb says, as the command has it."""
    module = importlib.import_module(VERBS[verb].module)
    # launch gcp has verbs of its own.
    own = re.findall(r"strata launch gcp (\w+)", command)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert module.main([*own, "--help"]) == 0
    return said.getvalue()


def verb_of(command):
    """Returns the verb that a command is of, or None."""
    words = command.split()
    place = words.index("strata") if "strata" in words else -1
    two, one = " ".join(words[place + 1 : place + 3]), words[place + 1 :][:1]
    if place < 0:
        return None
    return two if two in VERBS else one[0] if one else None


TRAINERS_FLAGS = {field.name for field in flags._FLAGS} | {
    f"config.{path}" for path in types()
}


def unknown_flags(command):
    """Returns the flags that a command has and its program has not."""
    verb = verb_of(command)
    if TRAINER.search(command) or re.match(r"make train\b", command):
        own, of_trainer = "", command
    elif verb is None:
        return []
    elif verb.startswith("launch"):
        own, _, of_trainer = command.partition(" -- ")
    else:
        own, of_trainer = command, ""
    known = (
        set(FLAG.findall(help_of(verb, command))) | {"help"} if own else set()
    )
    if verb == "sweep":  # hands on to each trial what it does not know
        known |= TRAINERS_FLAGS
    lacks = [name for name in FLAG.findall(own) if name not in known]
    return lacks + [
        name
        for name in FLAG.findall(of_trainer)
        if name not in TRAINERS_FLAGS and name != "config.FIELD"
    ]


def test_each_extra_of_a_user_is_told_once():
    told = (ROOT / "docs" / "install.md").read_text().partition("\n\n## ")[0]
    rows = re.findall(r"^\| (`.*?`) \|", told, re.MULTILINE)
    ours = {"docs", "test", "lint", "dev"}
    found = importlib.metadata.metadata(DISTRIBUTION)
    assert sorted(re.findall(r"`(\w+)`", " ".join(rows))) == sorted(
        set(found.get_all("Provides-Extra") or ()) - ours
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_are_shell(page):
    for block in BLOCK.findall(page.read_text()):
        done = subprocess.run(
            ["bash", "-n"], input=block, capture_output=True, text=True
        )
        assert done.returncode == 0, block + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_ask_for_what_there_is(page):
    targets = {
        name
        for makefile in MAKEFILES
        for name in re.findall(
            r"^([a-z-]+):", makefile.read_text(), re.MULTILINE
        )
    }
    for command in commands(page):
        if YOURS in command:
            continue
        verb = verb_of(command)
        if verb is not None and verb.isidentifier():
            assert verb in VERBS, command
        if target := re.match(r"make ([a-z-]+)", command):
            assert target[1] in targets, command
        assert unknown_flags(command) == [], command


def test_a_flag_that_there_is_not_would_be_found():
    assert unknown_flags("strata predict --inptu=a.npy") == ["inptu"]
    assert unknown_flags("strata launch local --x -- --workdr=a") == [
        "x",
        "workdr",
    ]
    assert unknown_flags("python -m trainer.task --config.epoch=1") == [
        "config.epoch"
    ]


def test_the_site_is_built_and_every_link_leads_somewhere(tmp_path):
    """Strictly: a page in no menu, a link or an anchor to nothing fails."""
    done = subprocess.run(
        [
            *(sys.executable, "-W", "ignore", "-m", "mkdocs", "build"),
            *("--strict", f"--site-dir={tmp_path}"),
        ],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    text = (tmp_path / "reference.html").read_text()
    for name in ("fit", "MLPClassifier", "TrainedModel", "Config"):
        assert re.search(rf'id="trainer[\w.]*\.{name}"', text), name
    # Nothing is fetched from elsewhere by who reads it.
    for page in tmp_path.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|img|link)[^>]*(?:src|href)="(https?:[^"]*)"',
            page.read_text(),
        )
        assert loaded == [], page
