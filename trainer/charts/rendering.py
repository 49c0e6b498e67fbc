"""Drawings as they are shown: SVG inside a page, pixels in TensorBoard."""

import html
import io
import re
import warnings
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import RendererSVG
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from trainer.charts import matrices
from trainer.charts.drawings import Drawing
from trainer.charts.drawings import FAINT
from trainer.charts.drawings import INK
from trainer.charts.drawings import STYLE
from trainer.process.plain_text import plain

PIXELS_PER_INCH = 100
POINTS_PER_INCH = 72  # of what is drawn to no scale
# A dark page has a light ink.
PAGE_COLOURS = {INK: "currentColor", FAINT: "var(--faint)"}
_numbers = iter(range(10**9))
_TAG = re.compile(r"<[^<>]+>")
_OWN_ID = re.compile(r'\bid="|url\(#|href="#')


# Families that have Chinese, Japanese and Korean, on Linux, macOS and Windows.
EAST_ASIAN = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Source Han Sans",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "Hiragino Sans",
    "PingFang SC",
    "Apple SD Gothic Neo",
    "Arial Unicode MS",
    "Yu Gothic",
    "Microsoft YaHei",
    "Malgun Gothic",
)


def families() -> list[str]:
    """Returns the families that letters are looked for in, in their order."""
    there = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in EAST_ASIAN if name in there)]


@contextmanager
def _styled() -> Iterator[None]:
    """Draws in our style, without a word on letters that are lacking."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+", UserWarning)
        yield


def svg_of(drawing: Drawing) -> str:
    """Returns a drawing as SVG to stand inside a page.

    It is named for screen readers, its ids are its own among those of one
    process, and its text and lines have the page's own colours.
    """
    file, figure = io.StringIO(), drawing.figure
    with _styled():
        # `savefig` draws twice, the first time for nothing.
        figure.set_dpi(POINTS_PER_INCH)
        width, height = figure.get_size_inches() * POINTS_PER_INCH
        renderer = RendererSVG(
            width, height, file, None, POINTS_PER_INCH, metadata={"Date": None}
        )
        figure.draw(renderer)
        renderer.finalize()
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    mark = f"c{next(_numbers)}-"
    svg = _TAG.sub(lambda tag: _OWN_ID.sub(rf"\g<0>{mark}", tag[0]), svg)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for colour, own in PAGE_COLOURS.items():
        svg = svg.replace(f": {colour}", f": {own}")
    return svg.replace(
        "<svg",
        f'<svg role="img" aria-label="{html.escape(plain(drawing.words))}"',
        1,
    )


def pixels_of(drawing: Drawing) -> np.ndarray:
    """Returns a drawing as an image on white, uint8 [height, width, 3]."""
    with _styled():
        canvas = _canvas_of(drawing)
        canvas.draw()
    return _pixels(canvas)


class MatrixPixels:
    """Confusion matrices of the same classes as images on white.

    What they have in common is drawn once (matplotlib calls that blitting), so
    that each costs some milliseconds.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self._frame = matrices.frame(labels)
        with _styled():
            self._canvas = _canvas_of(self._frame)
            self._canvas.draw()
        self._empty = self._canvas.copy_from_bbox(self._frame.figure.bbox)

    def __call__(self, counts: np.ndarray) -> np.ndarray:
        """Returns uint8 [height, width, 3] of int64 [classes, classes]."""
        (axes,) = self._frame.figure.axes
        self._canvas.restore_region(self._empty)
        with _styled():
            for artist in matrices.cells(axes, counts):
                axes.draw_artist(artist)
                artist.remove()
        return _pixels(self._canvas)


def _canvas_of(drawing: Drawing) -> FigureCanvasAgg:
    drawing.figure.set_dpi(PIXELS_PER_INCH)
    drawing.figure.set_facecolor("white")
    # A page's reader has families of their own, and a picture's has none.
    for text in drawing.figure.findobj(Text):
        text.set_fontfamily(families())
    return FigureCanvasAgg(drawing.figure)


def _pixels(canvas: FigureCanvasAgg) -> np.ndarray:
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
