"""Charts by matplotlib, as SVG for a page or as pixels for TensorBoard."""

import os

# What a notebook's shell or a dotfile asks of matplotlib is for other work; a
# backend that is not here would end its import.
os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
