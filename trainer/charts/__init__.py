"""Charts by matplotlib, as SVG for a page or as pixels for TensorBoard."""

import contextlib
import os
import sys

# What a notebook's shell or a dotfile asks of matplotlib is for other work; a
# backend that is not here would end its import.
_OWN = {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}

if "matplotlib" not in sys.modules:
    _before = {name: os.environ.pop(name, None) for name in _OWN}
    os.environ |= _OWN
    try:
        with contextlib.suppress(ImportError):
            import matplotlib  # noqa: F401
    finally:
        for _name, _value in _before.items():
            del os.environ[_name]
            if _value is not None:
                os.environ[_name] = _value
