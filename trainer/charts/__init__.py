"""Charts by matplotlib, as SVG for a page or as pixels for TensorBoard."""
