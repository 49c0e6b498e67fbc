"""Files that nobody means well with, drawn by Hypothesis."""

import io
import struct

import numpy as np
from hypothesis import strategies as st

SHAPE = (2, 3)
ROWS = np.arange(24, dtype=np.uint8).reshape(4, *SHAPE)

TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0"), max_size=9
)


HOSTILE = st.sampled_from(
    [
        "", "1", "-2.5", "nan", "inf", "-inf", "1e999", "9" * 400, "NA", "?",
        "red", "é", '"', '""', '"a,b"', "\0", "\r", "\n", "1_0", "٣", "0x1",
        "2024-01-31", "1,5", "../../etc/passwd", "\x1b[2J", "=cmd()", "\ud83d",
        "None", " ", "x" * 300, "1" * 5000, "\u2028", "a b",
    ]
)  # fmt: skip


@st.composite
def hostile_csv(draw):
    """Bytes of what may or may not be a table."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    delimiter = draw(st.sampled_from([",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    width = draw(st.integers(1, 4))
    cell = st.one_of(HOSTILE, st.sampled_from("0123"), TEXT)
    simple = draw(st.booleans())
    header = [f"c{i}" for i in range(width)] if simple else None
    rows = draw(
        st.lists(
            st.lists(cell, min_size=width, max_size=width + (not simple)),
            max_size=12,
        )
    )
    lines = [delimiter.join(row) for row in [*([header] * simple), *rows]]
    content = end.join(lines).encode("utf-8", "surrogatepass")
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe"])) + content


# Controls, lines' ends, marks of direction and tags: none is to reach a reader.
ACTING = frozenset(
    [
        *map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u061c",
        *"\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e",
        *"\u2066\u2067\u2068\u2069\ufeff", *map(chr, range(0xE0001, 0xE0080)),
    ]
)  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(
        [
            "<script>alert(1)</script>", "</title><img src=x onerror=1>",
            "=HYPERLINK(\"http://x\")", "+1", "-1", "@SUM(A1)", "$^$", "_a_",
            "\x1b]0;title\x07", "\x1b[2J", "a\u202egpj.exe", "a\n# heading",
            "[a](javascript:alert(1))", "![a](http://x/y.png)", "&lt;", "\\",
            "*a*", "\x9b31m", "\r\nstrata: done", "http://evil.example", "`",
            "$0-$50k", "\U000e0041", "日本語", "\0", "  ", "'", '"', "]]>",
            "```", "| a | b |", "{{7*7}}",
        ]
    ),
    st.text(st.one_of(st.sampled_from(sorted(ACTING)), st.characters(
        codec="utf-8")), min_size=1, max_size=12),
    st.text(st.sampled_from("<>&$^_*`[]()!|#=+-@\\ \t\nab"), min_size=1,
            max_size=12),
)  # fmt: skip
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat"]),
        st.integers(0, 2**16),
        st.binary(max_size=8),
    ),
    max_size=4,
)


def edited(content, edits):
    """A file's bytes with a few of them harmed."""
    content = bytearray(content)
    for kind, place, extra in edits:
        at = place % (len(content) + 1)
        if kind == "flip" and at < len(content):
            content[at] ^= extra[0] if extra else 1
        elif kind == "cut":
            del content[at:]
        elif kind == "insert":
            content[at:at] = extra
        elif kind == "repeat":
            content[at:at] = content[max(0, at - 8) : at] * (1 + len(extra))
    return bytes(content)


def npy_of(array):
    held = io.BytesIO()
    np.save(held, array)
    return held.getvalue()


GOOD_NPY = [
    npy_of(ROWS),
    npy_of(ROWS.reshape(4, 6)),
    npy_of(ROWS.astype(np.float64)),
    npy_of(np.asfortranarray(ROWS)),
    npy_of(ROWS > 3),
    npy_of(np.array([[1], [1, 2]], dtype=object)),
    npy_of(np.full((4, 6), np.nan)),
    npy_of(np.full((4, 6), np.inf, np.float16)),
]
DESCRIPTIONS = st.sampled_from(
    [
        "'|u1'", "'<f8'", "'>i4'", "'|O'", "'|S3'", "'<U2'", "'<c16'", "'|V4'",
        "'<M8[D]'", "'<f2'", "'<f16'", "'|b1'", "''", "('<i4', (2,))",
        "[('a', '|u1'), ('b', '|O')]", "'|u1' * 10", "None", "9" * 5000,
        "(" * 300, "__import__('os').abort()",
    ]
)  # fmt: skip
SIZES = st.one_of(
    st.integers(-2, 8), st.integers(2**31 - 2, 2**70), st.just(True)
)


@st.composite
def npy_files(draw):
    """An .npy whose header may say anything, then any bytes."""
    if draw(st.booleans()):
        return edited(draw(st.sampled_from(GOOD_NPY)), draw(EDITS))
    shape = tuple(draw(st.lists(SIZES, max_size=4)))
    order = draw(st.sampled_from(["True", "False", "1", "'x'"]))
    header = (
        f"{{'descr': {draw(DESCRIPTIONS)}, 'fortran_order': {order}, 'shape':"
        f" {shape}, }}\n"
    ).encode()
    version = draw(st.sampled_from([(1, 0), (2, 0), (3, 0), (9, 9)]))
    size = struct.pack("<H" if version == (1, 0) else "<I", len(header))
    payload = draw(st.binary(max_size=64))
    return b"\x93NUMPY" + bytes(version) + size + header + payload
