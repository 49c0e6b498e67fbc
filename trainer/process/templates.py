"""Texts and pages by Jinja2, from a package's folder `templates`."""

from collections.abc import Callable
from typing import Any
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


def environment(
    package: str,
    *,
    is_markup: bool = False,
    finalize: Callable[[Any], Any] | None = None,
) -> "jinja2.Environment":
    """Returns what finds and renders a package's templates.

    A name that a template asks for and is not given ends it.

    Args:
      package: such as trainer.reports.
      is_markup: whether values are escaped for HTML.
      finalize: is applied to each value before it is written.
    """
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader(package),
        autoescape=is_markup,
        finalize=finalize,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
