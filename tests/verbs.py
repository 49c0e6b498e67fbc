"""Verbs of the command, run in the test's own process."""

import contextlib
import io

from trainer import __main__ as command


def strata(*words: object) -> tuple[int, str, str]:
    """Runs a verb; returns (exit code, stdout, stderr)."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    err = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command.main([str(word) for word in words])
    assert isinstance(out.buffer, io.BytesIO)
    return code, out.buffer.getvalue().decode(), err.getvalue()
