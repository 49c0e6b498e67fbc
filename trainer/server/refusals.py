"""Why a request gets no answer: a status and a sentence."""


class RefusedError(Exception):
    """A request that is refused for another reason than what it holds.

    Attributes:
      status: of HTTP.
      headers: beside the sentence.
    """

    def __init__(
        self, status: int, sentence: str, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


def overloaded(sentence: str) -> RefusedError:
    """Returns the refusal of what may be asked again in a second."""
    return RefusedError(429, sentence, {"retry-after": "1"})


def too_late(secs: float, has_body: bool) -> RefusedError:
    """Returns the refusal of what took longer than a request may."""
    if has_body:
        return RefusedError(
            504, f"no answer within {secs:g} s; ask for fewer rows, or again"
        )
    return RefusedError(
        408,
        f"the body did not come within {secs:g} s; send it at once",
        {"connection": "close"},
    )
