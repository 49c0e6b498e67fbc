"""The command line of `strata serve`: its flags and their rules."""

import argparse
import ipaddress
import os
import pathlib
import re
import ssl
import stat
from collections.abc import Callable

from trainer.process.arguments import Parser
from trainer.process.exits import UserError
from trainer.process.ports import LOOPBACK
from trainer.process.ports import resolved
from trainer.server import opening
from trainer.server.settings import Address
from trainer.server.settings import Limits
from trainer.server.settings import Settings
from trainer.storage.names import local_place
from trainer.storage.names import place

DESCRIPTION = """\
Answers requests by runs and exports: the paths of TensorFlow Serving
(/v1/models/NAME:predict) and of the Open Inference Protocol
(/v2/models/NAME/infer), a page to try them on at /, and /metrics.

  strata serve runs/digits
  strata serve digits=runs/digits flats=runs/flats --port=9000
  curl -d '{"instances": [[[0, 0, 5, ...], ...]]}' \\
      http://127.0.0.1:8501/v1/models/digits:predict"""
LEAST_TOKEN_CHARACTERS = 16
_NAME = re.compile(r"[^/:\x00-\x20\x7f]+")


def parse(argv: list[str]) -> argparse.Namespace:
    """Returns the flags; see `strata serve --help`."""
    parser = Parser("strata serve", DESCRIPTION)
    parser.about(
        "workdir",
        "[NAME=]WORKDIR",
        "a run, whose newest export answers, or else the run itself; or an"
        " export; named by its folder",
        is_many=True,
    )
    parser.add_argument(
        "--checkpoint",
        metavar="NAME",
        help="best, last or a step: the run at it answers, not an export",
    )
    parser.add_argument(
        "--runtime",
        choices=opening.RUNTIMES,
        default="auto",
        help="of exports: by default onnx, without TensorFlow, where the"
        " export has it and it agrees with the trainer",
    )
    _add_address(parser)
    _add_limits(parser)
    return parser.parse_args(argv)


def _add_address(parser: Parser) -> None:
    parser.add_argument(
        "--host",
        default=LOOPBACK,
        help="address to listen on; this machine alone if unset",
    )
    parser.add_argument(
        "--port", type=int, default=8501, help="8501 if unset; 0 for any"
    )
    parser.add_argument(
        "--token_file",
        metavar="FILE",
        type=local_place,
        help="requests must bear what it holds: Authorization: Bearer TOKEN",
    )
    parser.add_argument(
        "--insecure",
        action="store_true",
        help="let anyone ask who reaches --host",
    )
    parser.add_argument(
        "--tls_certificate",
        metavar="FILE",
        type=local_place,
        help="PEM, for https; with --tls_key",
    )
    parser.add_argument(
        "--tls_key", metavar="FILE", type=local_place, help="its private key"
    )


def _add_limits(parser: Parser) -> None:
    limits, settings = Limits(), Settings(())
    numbers: list[tuple[str, type, object, str]] = [
        ("--max_batch_rows", int, None,
         "rows run at once; by default as the run was scored, 1024 at most"),
        ("--batch_wait_ms", float, 1000 * limits.batch_wait_secs,
         "how long a row waits for others to be run with"),
        ("--max_request_rows", int, limits.request_rows, "rows of a request"),
        ("--max_request_bytes", int, limits.request_bytes, "of its body"),
        ("--max_queue", int, limits.queue_requests,
         "requests that may wait; more are told to ask again (429)"),
        ("--timeout_secs", float, limits.request_secs,
         "until a request is given up"),
        ("--poll_secs", float, settings.poll_secs,
         "between two looks for new exports"),
        ("--workers", int, settings.workers, "processes that answer"),
        ("--grace_secs", float, settings.grace_secs,
         "for requests in flight, once SIGTERM or Ctrl-C came"),
    ]  # fmt: skip
    for name, kind, default, text in numbers:
        shown = "" if default is None else f" (default: {default:,})"
        parser.add_argument(
            name, metavar="N", type=kind, default=default, help=text + shown
        )


def settings_of(arguments: argparse.Namespace) -> Settings:
    """Returns what the flags say.

    Raises:
      UserError: one of them breaks its rule.
    """
    for name in (
        "max_batch_rows", "max_request_rows", "max_request_bytes", "max_queue",
        "workers", "timeout_secs", "poll_secs",
    ):  # fmt: skip
        _check(arguments, name, "more than 0", lambda value: value > 0)
    for name in ("batch_wait_ms", "grace_secs"):
        _check(arguments, name, "0 or more", lambda value: value >= 0)
    is_local = _is_loopback(arguments.host)
    token = _token(arguments.token_file)
    if not is_local and token is None and not arguments.insecure:
        raise UserError(
            f"--host={arguments.host} lets other machines ask; name a"
            " --token_file that they must know, or allow anyone by --insecure"
        )
    limits = Limits(
        arguments.max_batch_rows,
        arguments.batch_wait_ms / 1000,
        arguments.max_request_rows,
        arguments.max_request_bytes,
        arguments.max_queue,
        arguments.timeout_secs,
    )
    return Settings(
        places_of(arguments.workdir),
        arguments.checkpoint,
        arguments.runtime,
        limits,
        arguments.poll_secs,
        token,
        is_local,
        arguments.workers,
        arguments.grace_secs,
    )


def _check(
    arguments: argparse.Namespace,
    name: str,
    rule: str,
    is_good: Callable[[float], bool],
) -> None:
    value = getattr(arguments, name)
    if value is not None and not (is_good(value) and value < float("inf")):
        raise UserError(f"--{name}={value:g} must be {rule}")


def places_of(words: list[str]) -> tuple[tuple[str, str], ...]:
    """Returns (name, place) of what is to be served.

    Raises:
      UserError: two have one name, or one has a name that no path can hold.
    """
    found: dict[str, str] = {}
    for word in words:
        given, sign, named = word.partition("=")
        is_named = bool(sign) and not os.path.exists(word)
        where = place(named if is_named else word)
        name = given if is_named else opening.name_of(where)
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{name!r} cannot be a model's name, which has no blank, '/' or"
                f" ':'; name it: NAME={where}"
            )
        if name in found:
            raise UserError(
                f"{found[name]} and {where} are both named {name!r}; name one:"
                f" NAME={where}"
            )
        found[name] = where
    return tuple(found.items())


def address_of(arguments: argparse.Namespace) -> Address:
    """Returns where to listen.

    Raises:
      UserError: the port or a file of TLS breaks its rule.
    """
    files = arguments.tls_certificate, arguments.tls_key
    if (files[0] is None) != (files[1] is None):
        raise UserError(
            "--tls_certificate and --tls_key go together; name both"
        )
    if files[0] is not None:
        _check_pair(*files)
    if not 0 <= arguments.port < 2**16:
        raise UserError(f"--port={arguments.port} must be from 0 to 65535")
    paths = [None if path is None else pathlib.Path(path) for path in files]
    return Address(arguments.host, arguments.port, *paths)


def _check_pair(certificate: str, key: str) -> None:
    """Refuses files that are no certificate and its key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a question to the terminal, where the key has a password.
        context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise UserError(
            f"--tls_certificate={certificate} and --tls_key={key} are no"
            f" certificate and its key without a password ({error}); name PEM"
            " files"
        ) from None


def _is_loopback(host: str) -> bool:
    """Whether an address is of this machine alone."""
    try:
        found = resolved(host)
    except OSError as error:
        raise UserError(
            f"--host={host} is no address ({error}); name one of this machine's"
        ) from None
    return all(ipaddress.ip_address(a[4][0]).is_loopback for a in found)


def _token(path: str | None) -> str | None:
    """Returns the token of a file that its owner alone may read.

    Raises:
      UserError: others may, or it holds none.
    """
    if path is None:
        return None
    try:
        with open(path, encoding="ascii") as file:
            mode = os.fstat(file.fileno()).st_mode
            token = file.read(4096).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"--token_file={path} cannot be read ({error}); write a token of"
            " ASCII into it"
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        remedy = f"chmod 600 {path}"
        if not stat.S_ISREG(mode):  # such as /dev/null, which is others' too
            remedy = "name a file of your own that holds a token"
        raise UserError(f"--token_file={path} can be read by others; {remedy}")
    if len(token) < LEAST_TOKEN_CHARACTERS or len(token.split()) != 1:
        raise UserError(
            f"--token_file={path} must hold {LEAST_TOKEN_CHARACTERS} characters"
            " or more, without a blank; openssl rand -hex 32 makes some"
        )
    return token
