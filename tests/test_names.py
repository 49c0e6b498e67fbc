"""Names that a stranger chose, in all that is shown of them."""

import csv
import html.parser
import io
import json
import pathlib
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from tests.hostile import ACTING
from tests.hostile import NAMES
from trainer.charts import drawings
from trainer.charts import matrices
from trainer.charts import rendering
from trainer.problem.problems import from_record
from trainer.process import output as streams
from trainer.process.columns import lay_out
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.plain_text import plain
from trainer.process.plain_text import PlainBytes
from trainer.reports import pages
from trainer.serving import output


def acting(text, keep="\n\t"):
    return {c for c in text if c in ACTING and c not in keep}


@given(NAMES)
def test_nothing_of_a_name_acts_and_what_does_not_stays(name):
    assert not acting(plain(name), keep="")
    calm = "".join(c for c in name if c not in ACTING)
    assert plain(calm) == calm
    assert plain(plain(name)) == plain(name)


@pytest.mark.parametrize(
    "name", ["Größe", "日本語", "کتاب\u200cها", "👩\u200d🔬", "a$b<c>"]
)
def test_names_of_every_script_are_as_they_were(name):
    assert plain(name) == name


@given(NAMES)
def test_no_name_acts_on_a_terminal(name):
    stdout, stderr = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    try:

        @verb
        def main(argv):
            print(name)
            print(lay_out([[name, "1"], ["b", "2"]]))
            raise UserError(f"a {name} b")

        assert main([]) == 2
        shown, told = sys.stdout.getvalue(), sys.stderr.getvalue()
    finally:
        sys.stdout, sys.stderr = stdout, stderr
    assert not acting(shown)
    assert not acting(told)
    assert told.count("\n") == 1
    table = shown[len(plain(name, keep="\n\t")) + 1 :]
    assert table.count("\n") == 2


def test_a_bar_is_let_through_and_a_guarded_stream_is_plain(capfdbinary):
    @verb
    def main(argv):
        streams.guard()
        print("\x1b[2J")
        sys.stdout.buffer.write(b"data \x1b")
        return 0

    assert main([]) == 0
    shown = capfdbinary.readouterr().out
    assert shown in (b"\\x1b[2J\ndata \x1b", b"data \x1b\\x1b[2J\n")


def drawings_of(names):
    curves = {name: ([1, 2], [1.0, 2.0]) for name in names}
    yield drawings.lines("loss", curves)
    yield matrices.matrix(names, np.ones((len(names), len(names)), int))
    yield drawings.timeline([(0.0, 1.0, name) for name in names])
    yield drawings.bars("share", dict.fromkeys(names, 1.0))


def check_svg(drawing):
    svg = rendering.svg_of(drawing)
    ElementTree.fromstring(svg)
    assert not acting(svg)


def test_charts_show_names_as_they_are():
    names = ["a$^$", "$0-$50k", "_hidden", "\0", "\x1b[2J", "日本語"]
    first, *_ = drawn = list(drawings_of(names))
    for drawing in drawn:
        check_svg(drawing)
    rendering.pixels_of(first)
    legend = first.figure.axes[0].get_legend()
    shown = [text.get_text() for text in legend.get_texts()]
    assert shown[:2] == names[:2]
    assert len(shown) == len(names)


@pytest.mark.slow
@given(st.lists(NAMES, min_size=2, max_size=4, unique=True))
@settings(max_examples=20)
def test_charts_of_any_names_are_drawn(names):
    for drawing in drawings_of(names):
        check_svg(drawing)
        rendering.pixels_of(drawing)


class Tags(html.parser.HTMLParser):
    """Notes each tag, with the names of its attributes."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, [name for name, _ in attrs]))


def tags_of(text):
    parser = Tags()
    parser.feed(text)
    return parser.found


def page_of(name):
    table = pages.Table(name, [name, "n"], [[name, 1], ["b", name]])
    section = pages.Section(name, name, [], [table], command=name)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "page.html"
        pages.write(path, name, name, [section], name)
        return path.read_text()


@given(NAMES.filter(bool))
@example("</title><script>alert(1)</script>")
@settings(max_examples=10)
def test_a_page_has_no_tags_of_names_and_nothing_that_acts(name):
    text = page_of(name)
    assert not acting(text)
    assert tags_of(text) == tags_of(page_of("a"))


FORMULAS = ["=HYPERLINK(1)", "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1"]
PROBLEM = {
    "type": "multiclass",
    "activation": "softmax",
    "loss": "categorical_crossentropy",
    "metrics": ["accuracy"],
    "one_hot": True,
}


def predicted(names, kept, **more):
    names = [*names, "last"]
    problem = from_record(
        {**PROBLEM, "outputs": len(names), "class_names": names}
    )
    form = output.Form(problem, kept=("id",), **more)
    held = io.BytesIO()
    with output.writing(held, "csv", form) as write:
        write(np.eye(len(names), dtype=np.float32), [(kept,)] * len(names))
    text = held.getvalue().decode()
    return list(csv.reader(io.StringIO(text, newline="")))


@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), NAMES)
@example(FORMULAS, "=1+1")
def test_no_cell_of_predictions_is_a_formula(names, kept):
    for cell in [c for row in predicted(names, kept) for c in row]:
        is_text = not cell.startswith(tuple("=+-@\t\r"))
        assert is_text or set(cell) <= set("+-0123456789.,' eE%inf")


def test_numbers_and_words_stay_as_they_are_and_all_do_if_asked():
    calm = ["-1", "+1", "-2.5e-3", "-", "oak", "1=1", "-5 %"]
    assert [row[1] for row in predicted(calm, "x")[1:-1]] == calm
    verbatim = predicted(FORMULAS, "=1", is_verbatim=True)
    assert [row[1] for row in verbatim[1:-1]] == FORMULAS
    assert verbatim[1][0] == "=1"


@given(NAMES)
def test_predictions_do_not_act_on_a_terminal(name):
    held = io.BytesIO()
    text = json.dumps({"class": name}, ensure_ascii=False)
    PlainBytes(held).write(text.encode("utf-8", "replace"))
    assert not acting(held.getvalue().decode())
