"""Drawings as they are shown: SVG inside a page, pixels in TensorBoard."""

import html
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from trainer.charts.drawings import Drawing
from trainer.charts.drawings import STYLE
from trainer.process.plain_text import plain

PIXELS_PER_INCH = 80
_numbers = iter(range(10**9))


@contextmanager
def _styled() -> Iterator[None]:
    """Draws in our style; a page's reader has the letters that we lack."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        yield


def svg_of(drawing: Drawing) -> str:
    """Returns a drawing as SVG to stand inside a page.

    It is named for screen readers, and its ids are its own among those of one
    process.
    """
    file = io.StringIO()
    with _styled():
        drawing.figure.savefig(file, format="svg", metadata={"Date": None})
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    mark = f"c{next(_numbers)}-"
    svg = re.sub(r'\bid="', f'id="{mark}', svg)
    svg = re.sub(r"url\(#", f"url(#{mark}", svg)
    svg = re.sub(r'href="#', f'href="#{mark}', svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    return svg.replace(
        "<svg",
        f'<svg role="img" aria-label="{html.escape(plain(drawing.words))}"',
        1,
    )


def pixels_of(drawing: Drawing) -> np.ndarray:
    """Returns a drawing as an image, uint8 [height, width, 3]."""
    with _styled():
        drawing.figure.set_dpi(PIXELS_PER_INCH)
        canvas = FigureCanvasAgg(drawing.figure)
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
