"""What stands in a drawing."""


def axes_of(drawing):
    (axes,) = drawing.figure.axes
    return axes


def texts_of(axes):
    """Returns {text: (x, y)} of what is written among the drawn."""
    return {text.get_text().strip(): text.get_position() for text in axes.texts}
