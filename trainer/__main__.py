"""The `strata` command: a table from verb to module.

A verb's module is imported when the verb is asked for and not before, so that
the command answers at once.
"""

import importlib
import sys
from typing import NamedTuple
from typing import NoReturn

from trainer.process import interruption
from trainer.process.arguments import nearest
from trainer.process.exits import leave
from trainer.process.exits import UserError
from trainer.process.exits import verb
from trainer.process.surroundings import ROOT
from trainer.version import __version__

LAUNCH = "launch"
FIELDS = "trainer/config/sections.py"


class Verb(NamedTuple):
    """The module whose `main(argv) -> exit code` does it, and what it does."""

    module: str
    summary: str


# What --help shows, in its order.
GROUPS = {
    "begin": {
        "init": Verb(
            "trainer.workbench.project", "write a first project of your own"
        ),
        "doctor": Verb(
            "trainer.workbench.doctor", "say what this machine has and lacks"
        ),
        "inspect": Verb(
            "trainer.reports.inspect", "say what data holds, before training"
        ),
        "completion": Verb(
            "trainer.workbench.completion",
            "have your shell complete these words",
        ),
    },
    "train": {
        "train": Verb(
            "trainer.task", "train a config's model, or continue its run"
        ),
        "sweep": Verb(
            "trainer.launch.sweep.__main__",
            "run a config many times, and find the best",
        ),
    },
    "look at runs": {
        "report": Verb(
            "trainer.reports.report", "write a run as one HTML page to hand on"
        ),
        "compare": Verb(
            "trainer.reports.compare",
            "say what differs between runs, and by what",
        ),
        "tensorboard": Verb(
            "trainer.reports.tensorboard",
            "show the curves of a run, or of many",
        ),
        "checkpoints": Verb(
            "trainer.reports.checkpoints", "list or verify a run's checkpoints"
        ),
        "verify": Verb(
            "trainer.reports.verify",
            "check all that a run wrote for alterations",
        ),
    },
    "use a run": {
        "evaluate": Verb(
            "trainer.serving.evaluate", "score a run's model, in full"
        ),
        "predict": Verb(
            "trainer.serving.predict", "say what a run's model makes of rows"
        ),
        "drift": Verb(
            "trainer.serving.drift", "say how new rows differ from a run's own"
        ),
        "export": Verb(
            "trainer.serving.export", "write a run's model for other programs"
        ),
        "serve": Verb(
            "trainer.server.serve", "answer requests by runs and exports"
        ),
    },
    "launch": {
        "launch local": Verb(
            "trainer.launch.local",
            "run workers on this machine, and restart them",
        ),
        "launch ssh": Verb(
            "trainer.launch.ssh.__main__",
            "run workers on your own machines, and restart them",
        ),
        "launch slurm": Verb(
            "trainer.launch.slurm.__main__",
            "submit a job to Slurm, and requeue it",
        ),
        "launch kubernetes": Verb(
            "trainer.launch.kubernetes.__main__",
            "print or create what runs a job on Kubernetes",
        ),
        "launch gcp": Verb(
            "trainer.launch.gcp.__main__",
            "run a job on Google Cloud's GPUs or TPUs",
        ),
        "jobs": Verb(
            "trainer.launch.jobs.__main__",
            "say what runs where, stop it, show its log",
        ),
    },
}
VERBS = {
    name: verb for group in GROUPS.values() for name, verb in group.items()
}


def usage(first: str = "") -> str:
    """Returns the text of `strata --help`, or of `strata launch --help`."""
    width = max(map(len, VERBS))
    lines = []
    for group, verbs in GROUPS.items():
        shown = {n: v for n, v in verbs.items() if n.startswith(first)}
        lines += ["", f"{group}:"] if shown else []
        lines += [f"  {n:{width}}  {v.summary}" for n, v in shown.items()]
    return "\n".join(
        [
            f"usage: strata {f'{first} WHERE' if first else 'VERB'} [flags]",
            *lines,
            "",
            "strata help VERB tells a verb's flags; strata help config, a"
            " config's fields;",
            "strata version, the version.",
        ]
    )


def command() -> NoReturn:
    """Does the verb of this process's command line, and ends it."""
    words = sys.argv[1:]
    # These have others to tell of Ctrl-C.
    if words[:1] not in (["launch"], ["sweep"]):
        interruption.end_at_once()
    leave(main(words))


@verb
def main(words: list[str]) -> int:
    """Does a verb.

    Args:
      words: those after `strata`.

    Returns:
      The exit code: that of the verb.

    Raises:
      UserError: there is no such verb.
    """
    first, rest = words[:1], words[1:]
    if words == ["help", "config"]:
        print((ROOT / FIELDS).read_text(encoding="utf-8"), end="")
        return 0
    if first == ["help"] and rest:
        # Launchers' own verbs have a help, too.
        return main([*rest, "--help"])
    if first in ([], ["help"], ["-h"], ["--help"]):
        print(usage())
        return 0
    if first in (["version"], ["--version"]):
        print(f"strata {__version__}")
        return 0
    if first == [LAUNCH] and rest[:1] in ([], ["-h"], ["--help"]):
        print(usage(LAUNCH))
        return 0
    # A verb is one word or two.
    size = 2 if first == [LAUNCH] else 1
    name, rest = " ".join(words[:size]), words[size:]
    if name not in VERBS:
        remedy = nearest(name, [*VERBS, "help", "version"])
        raise UserError(f"{name!r} is no verb; {remedy or 'see strata --help'}")
    return importlib.import_module(VERBS[name].module).main(rest)


if __name__ == "__main__":
    command()
