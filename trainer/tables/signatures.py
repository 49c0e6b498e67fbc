"""What the first bytes of a file tell of its format.

Letters that a format begins with may be a column's name, as FEA1 or PAR1 is: a
pattern goes on to what no text has.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

# So many bytes hold what every pattern asks for.
BYTES = 16
# A byte of no text: Parquet begins a structure, Feather fills up by zeros. What
# was torn off there is no table, either.
NO_TEXT = rb"(?:\Z|[\s\S]{,4}[\x00-\x08\x0e-\x1f])"


def find(begin: bytes, formats: Mapping[bytes, T]) -> T | None:
    """Returns what stands for the format of a file that begins so, or None.

    Args:
      begin: BYTES of the file or more; all of one that is shorter.
      formats: by patterns of how each begins.
    """
    for pattern, found in formats.items():
        if re.match(pattern, begin):
            return found
    return None
