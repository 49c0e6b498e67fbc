"""`strata completion SHELL`: a script by which a shell completes our words.

It holds all verbs, flags and names, so that no Python starts at a key.
"""

import contextlib
import dataclasses
import io
import re
import shlex
from collections.abc import Mapping

from trainer import flags
from trainer.__main__ import main as strata
from trainer.__main__ import VERBS
from trainer.config.values import rules
from trainer.config.values import types
from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.templates import environment

DESCRIPTION = """\
Prints a script by which a shell completes strata's words. It holds them all, so
write it anew after an update.

  strata completion bash > ~/.local/share/bash-completion/completions/strata
  strata completion zsh > ~/.strata.zsh    (~/.zshrc: source it, after compinit)
  strata completion fish > ~/.config/fish/completions/strata.fish"""
SHELLS = {"bash": "strata.bash", "fish": "strata.fish", "zsh": "strata.bash"}
# Words beside the verbs.
ALSO = ("help", "version")
# As --help has them: a flag, and the choices of its value or the value's name.
_FLAG = re.compile(
    r"^ +(?:-\w(?: \S+)?, )?(--[\w.]+)(?:[ =](\{\S+\}|[^\s,]+))?", re.MULTILINE
)

Choices = dict[str, tuple[str, ...]]


@verb
def main(argv: list[str]) -> int:
    """Prints the script.

    Raises:
      UserError: of a shell that there is none for.
    """
    parser = Parser("strata completion", DESCRIPTION)
    parser.about("shell", "SHELL", f"one of {', '.join(SHELLS)}")
    shell = parser.parse_args(argv).shell
    if shell not in SHELLS:
        raise UserError(f"{shell!r} is none of {', '.join(SHELLS)}")
    print(script(shell), end="")
    return 0


def script(shell: str) -> str:
    """Returns the script of a shell."""
    templates = environment("trainer.workbench")
    words, choices = known_words()
    of_gcp = _verbs_of_gcp()
    return templates.get_template(f"{SHELLS[shell]}.jinja").render(
        shell=shell,
        shells=list(SHELLS),
        words=words,
        choices=choices,
        helped=["config", *dict.fromkeys(n.split()[0] for n in VERBS)],
        first=[*dict.fromkeys(name.split()[0] for name in VERBS), *ALSO],
        launchers=[n.split()[1] for n in VERBS if " " in n],
        of_gcp=of_gcp,
    )


def known_words() -> tuple[dict[str, list[str]], Choices]:
    """Returns each verb's flags, and the choices of those that have some.

    A flag that takes a value ends with "=".
    """
    words = {"train": _of_trainer()}
    choices = _choices_of_trainer()
    gcp = [f"launch gcp {name}" for name in _verbs_of_gcp()]
    for name in [*VERBS, *gcp]:
        if name not in ("train", "launch gcp"):
            words[name], own = flags_in(_help_of(name))
            for flag, more in own.items():
                both = (*choices.get(flag, ()), *more)
                choices[flag] = tuple(dict.fromkeys(both))
    return words, choices


def _verbs_of_gcp() -> list[str]:
    return re.findall(r"^  (\w+)  ", _help_of("launch gcp"), re.MULTILINE)


def _help_of(name: str) -> str:
    """Returns what --help prints of a verb."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        strata([*name.split(), "--help"])
    return shown.getvalue()


def flags_in(text: str) -> tuple[list[str], Choices]:
    """Returns the flags of a --help, and the choices that it shows."""
    found: dict[str, None] = {}
    choices: Choices = {}
    # Above stand examples.
    for flag, value in _FLAG.findall(text.partition("\noptions:\n")[2]):
        found[f"{flag}=" if value else flag] = None
        if value.startswith("{") or "|" in value:
            choices[flag] = tuple(re.split(r"[,|]", value.strip("{}")))
    return list(found), choices


def _of_trainer() -> list[str]:
    own = [f"--{field.name}" for field in dataclasses.fields(flags.Flags)]
    of_config = [f"--config.{path}" for path in types()]
    return [f"{name}=" for name in own if name != "--help"] + [
        "--help",
        *(f"{name}=" for name in of_config),
    ]


def _choices_of_trainer() -> Choices:
    own: Mapping[str, tuple[str, ...]] = {
        f"--{field.name}": field.metadata["choices"]
        for field in dataclasses.fields(flags.Flags)
    }
    of_config = {
        f"--config.{path}": rule.choices for path, rule in rules().items()
    }
    truths = {
        f"--config.{path}": ("true", "false")
        for path, kind in types().items()
        if kind is bool
    }
    found = {**own, **of_config, **truths}
    found["--config"] = tuple(map(shlex.quote, flags.shipped_configs()))
    return {name: choices for name, choices in found.items() if choices}
