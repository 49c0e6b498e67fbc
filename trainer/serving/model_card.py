"""The model card of an export: Markdown for people, of the JSON beside it.

After M. Mitchell and others 2019, Model cards for model reporting: what it is,
what it was trained on, how good it is and where it is weak, and what it is not
for. It says what is known from the run and nothing else.
"""

import re
import shlex
from collections.abc import Callable
from typing import Any
from typing import NamedTuple

from trainer.problem import baselines
from trainer.problem.problems import type_of
from trainer.process import columns
from trainer.process.plain_text import plain
from trainer.process.templates import environment


class Format(NamedTuple):
    """What a format's file is called, and what it needs and can hold.

    Attributes:
      file: its name.
      packages: that it needs beyond Strata.
      has_bfloat16: whether it can hold a network that multiplies in bfloat16.
    """

    file: str
    packages: tuple[str, ...] = ()
    has_bfloat16: bool = True


# What makes more than text of a name in a line of Markdown, links too.
_MARKS = re.compile(
    r"[\\`*\[\]<>|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|://|www\."
    r"|&(?=[#\w])|@(?=\w)"
)
_ENTITIES = {
    mark: "".join(f"&#{ord(character)};" for character in mark)
    for mark in [*"\\`*[]<>|~&$_@", "://", "www."]
}
# Lines of the template that name folders.
_COMMAND = re.compile(r"^```sh\n.*\n```\n\n", re.MULTILINE)
_ORIGIN = re.compile("^(- Origin and licence: ).*", re.MULTILINE)
FORMATS = {
    # The folder itself, so that TensorFlow Serving finds its versions.
    "saved_model": Format("."),
    "keras": Format("model.keras"),
    "tflite": Format("model.tflite", has_bfloat16=False),
    "onnx": Format(
        "model.onnx", ("tf2onnx", "onnx", "onnxruntime"), has_bfloat16=False
    ),
}


def text_of(card: dict[str, Any]) -> str:
    """Returns a model card in Markdown.

    Args:
      card: its JSON values, of `strata export`.
    """
    templates = environment("trainer.serving", finalize=_escaped)
    filters: dict[str, Callable[..., str]] = {
        "between": lambda interval: columns.between(interval, nothing=""),
        "code": _code,
        "file": _file,
        "number": columns.number,
    }
    templates.filters.update(filters)
    (scores,) = card["run"]["evaluation"].values()
    command = _command(["python", *card["trained"]["command"][1:]])
    problem = card["data"]["problem"]
    beside = card["run"].get("baselines")
    return templates.get_template("model_card.md").render(
        card,
        baseline_names=baselines.NAMES,
        warning=baselines.warning(beside) if beside else "",
        problem=problem,
        kind=type_of(problem["type"]),
        scores=scores,
        command=command,
    )


def without_folders(text: str, data: dict[str, Any]) -> str:
    """Returns a card's text without the folders of who trained the run.

    Args:
      text: of `text_of`, or of an earlier version's.
      data: what the card's values say of the data.
    """
    text = _COMMAND.sub("", text)
    if not data.get("folder"):
        return text
    name = _escaped(data["name"])
    return _ORIGIN.sub(lambda found: f"{found[1]}{name}.", text)


def _escaped(value: Any) -> Any:
    """Returns a text that Markdown shows as it is, on one line."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _MARKS.sub(lambda found: _ENTITIES[found[0]], plain(value))


def _code(text: str) -> Any:
    """Returns a text to stand between backticks, as it is."""
    import markupsafe

    return markupsafe.Markup(plain(text).replace("`", "'").replace("<", "("))


def _shell_word(word: str) -> str:
    r"""Quotes a word; what would act on its reader is written as \u003c."""
    acting = [c for c in word if plain(c) != c or c in "<`"]
    if not acting:
        return shlex.quote(word)
    written = [
        f"\\U{ord(c):08x}" if c in acting or c in "\\'" else c for c in word
    ]
    return f"$'{''.join(written)}'"


def _command(words: list[str]) -> Any:
    import markupsafe

    return markupsafe.Markup(" ".join(map(_shell_word, words)))


def _file(name: str) -> str:
    """Returns the file to look at, of a format or a part of it."""
    format_name = name.split()[0]
    if format_name == "saved_model":
        return "saved_model.pb"
    return FORMATS[format_name].file
