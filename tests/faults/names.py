"""Names by chance, in all that shows those of columns, classes and runs."""

import pathlib
import random
import traceback
from collections.abc import Callable
from typing import Any

from tests import test_names
from tests.hostile import ACTING

PIECES = [
    *sorted(ACTING), "<script>", "</title>", "<img src=x onerror=1>", "$^$",
    "=", "+", "-", "@", "|", "`", "```", "[a](javascript:b)", "&lt;", "\\",
    "'", '"', "]]>", "# ", "a", "B", "7", " ", "é", "日", "_", "\u200d",
    "{{7*7}}",
]  # fmt: skip


def _inner(test: Any) -> Callable[..., None]:
    """Returns a test as a function of what Hypothesis would draw."""
    inner: Callable[..., None] = test.hypothesis.inner_test
    return inner


class Names:
    """Shows a name in one place."""

    def __init__(self, folder: pathlib.Path) -> None:
        del folder  # nothing is kept
        self._places: dict[str, Callable[[str], None]] = {
            "terminal": _inner(test_names.test_no_name_acts_on_a_terminal),
            "page": _inner(
                test_names.test_a_page_has_no_tags_of_names_and_nothing_that_acts
            ),
            "predictions on a terminal": _inner(
                test_names.test_predictions_do_not_act_on_a_terminal
            ),
            "predictions in a spreadsheet": lambda name: _inner(
                test_names.test_no_cell_of_predictions_is_a_formula
            )([name], name),
            "chart": lambda name: test_names.check_svg(
                next(test_names.drawings_of([name, "other"]))
            ),
        }

    def attack(self, seed: str) -> tuple[str, str, str]:
        """Shows one; as `Mutations.attack`."""
        chance = random.Random(seed)
        place = chance.choice([*self._places])
        name = "".join(chance.choices(PIECES, k=chance.randint(1, 9)))
        try:
            self._places[place](name)
        except Exception:
            return place, "", f"{name!r}: {traceback.format_exc()}"
        return place, "as it is", ""
