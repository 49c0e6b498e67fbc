"""Regular expressions of cells that Python's re and TensorFlow's RE2 both take.

A pattern names its parts as `(?P<year>...)`. RE2's rewrite knows but nine
groups, so TensorFlow asks for one part at a time, by `only`.
"""

import re

# What str.strip takes off a text's ends.
_SPACES = "\t-\r\x1c- \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
SPACE = f"[{_SPACES}]"
# Spreadsheets and web pages add marks of no width: soft hyphens, joiners,
# directions, and which of a sign's two looks is meant.
_NO_WIDTH = (
    "\xad\u061c\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff"
)
NO_WIDTH = f"[{_NO_WIDTH}]"
BLANK = f"[{_SPACES}{_NO_WIDTH}]"
# Of a class; the en dash stands in for the sign that keyboards lack.
MINUS = "\\-\u2212\u2013"
_NAMED = re.compile(r"\(\?P<(\w+)>")


def only(pattern: str, part: str) -> str:
    """Returns a pattern that captures one of its named parts alone."""
    return _NAMED.sub(lambda m: "(" if m[1] == part else "(?:", pattern)


def parts(pattern: str) -> tuple[str, ...]:
    """Returns the names of a pattern's parts."""
    return tuple(_NAMED.findall(pattern))
