"""Words as a process can be given them, and flags that hold them."""

from hypothesis import strategies

WORDS = strategies.text(
    strategies.characters(blacklist_characters="\0", codec="utf-8")
)


def as_flags(words):
    """Has a flag hold each word, by turns joined to it and apart."""
    for place, word in enumerate(words):
        yield from ["--tpu", word] if place % 2 else [f"--tpu={word}"]
