"""The page to try models on: one file, which asks the server for the rest."""

import base64
import hashlib
import pathlib
import re

_TEMPLATES = pathlib.Path(__file__).parent / "templates"


def _whole() -> bytes:
    """Returns the page, with its style and its script inside."""
    style, script, page = (
        (_TEMPLATES / f"page.{kind}").read_bytes()
        for kind in ("css", "js", "html")
    )
    return page.replace(b"@style@", style).replace(b"@script@", script)


BODY = _whole()


def _hashes(tag: bytes) -> str:
    """Returns the sources that a policy allows for a tag's contents."""
    found = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), BODY, re.DOTALL)
    digests = (hashlib.sha256(text).digest() for text in found)
    return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)


# Nothing from elsewhere is run, shown or asked, and no other page shows it.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'; connect-src 'self'; img-src blob: data:;"
        f" script-src {_hashes(b'script')}; style-src {_hashes(b'style')}"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
