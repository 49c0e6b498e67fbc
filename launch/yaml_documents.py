"""YAML that every reader reads alike."""

import re
from typing import Any

import yaml

# Text that every reader of YAML takes for a string without quotes, where
# PyYAML does too.
_PLAIN = re.compile(r"[A-Za-z][\w./-]+", re.ASCII)


def to_yaml(documents: list[dict[str, Any]]) -> str:
    """Returns YAML documents, `---` alone on a line between them."""
    return "---\n".join(
        yaml.dump(each, Dumper=_Dumper, sort_keys=False, width=10**6)
        for each in documents
    )


class _Dumper(yaml.SafeDumper):
    """Quotes what a reader of another YAML than PyYAML's would not read back.

    Go's readers take 1e3 for a number and y for a truth value.
    """

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _represent_text)
