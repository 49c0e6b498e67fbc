"""The job that a verb is about: by its name, as noted here or in its bucket."""

import argparse
import dataclasses
import pathlib
import shlex
import sys
from collections.abc import Sequence

from trainer.launch.command_line import check_name
from trainer.launch.gcp import fleet
from trainer.launch.gcp import gcloud
from trainer.launch.gcp import names
from trainer.launch.gcp import plan
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.control import Control
from trainer.launch.gcp.launcher import Launcher
from trainer.launch.gcp.request import from_json
from trainer.launch.gcp.request import Request
from trainer.launch.supervise.signals import Signals
from trainer.process.arguments import Parser
from trainer.process.exits import UserError

KINDS = (gcloud.GPU, gcloud.TPU, gcloud.VERTEX)


@dataclasses.dataclass(frozen=True)
class Target:
    """The job that a verb is about.

    Attributes:
      client: to ask by.
      flags: as given.
      request: by which it was started, where that is known here.
    """

    client: Client
    flags: argparse.Namespace
    request: Request | None

    @property
    def project(self) -> str | None:
        own = self.request.project if self.request else None
        return self.flags.project or own

    @property
    def kinds(self) -> tuple[str, ...]:
        return (self.request.kind,) if self.request else KINDS

    @property
    def regions(self) -> tuple[str, ...]:
        """Where jobs of Vertex AI are looked for: where this one is."""
        return self.request.zones if self.request else self.flags.region

    def listings(self) -> list[gcloud.Words]:
        """Returns the commands by which `machines` finds them."""
        name = self.flags.name
        found = fleet.listings(self.project, self.kinds, name, self.regions)
        return [words for _, words in found]

    def machines(self) -> list[fleet.Machine]:
        name = self.flags.name
        return fleet.find(
            self.client, self.project, self.kinds, name, self.regions
        )

    def known(self) -> Request:
        """Returns the request.

        Raises:
          UserError: it is not known.
        """
        if self.request is None:
            raise UserError(
                f"--name={self.flags.name}: nothing is noted of it in"
                f" {plan.local_folder(self.flags.name)}; add the"
                " --bucket=gs://... that it was started with"
            )
        return self.request

    def control(self) -> Control:
        return Control(self.client, self.known())

    def launcher(self) -> Launcher:
        return Launcher(self.client, self.known(), Signals(hears_hangup=False))


def tell_unasked(kinds: Sequence[str], regions: Sequence[str]) -> None:
    """Says so where jobs of Vertex AI are not looked for; each has a region."""
    if gcloud.VERTEX in kinds and not regions:
        print(
            "note: jobs of Vertex AI are not looked for; add --region=REGION",
            file=sys.stderr,
        )


def show(*words: gcloud.Words) -> int:
    """Prints commands, as a shell takes them."""
    for each in words:
        print(shlex.join(each))
    return 0


def parser_of(verb: str, text: str) -> Parser:
    parser = Parser(f"strata launch gcp {verb}", text)
    parser.add_argument(
        "--project", metavar="NAME", help="gcloud's own by default"
    )
    parser.add_argument(
        "--dry_run", action="store_true", help="print the commands alone"
    )
    return parser


def add_region(parser: Parser, text: str) -> None:
    """Adds the flag --region, of jobs of Vertex AI: none or one, as a tuple."""
    parser.add_argument("--region", type=_regions, default=(), help=text)


def _regions(text: str) -> tuple[str, ...]:
    return (names.region_of(text),)


def target_of(verb: str, text: str, argv: list[str]) -> Target:
    """Reads a verb's flags, and finds the job's request.

    Raises:
      UserError: a flag is wrong.
    """
    parser = parser_of(verb, text)
    parser.add_argument("--name", required=True, help="of the job; needed")
    parser.add_argument("--bucket", help="where nothing is noted here")
    add_region(
        parser, "where a job of Vertex AI is that nothing is noted of here"
    )
    if verb == "resume":
        parser.add_argument("--detach", action="store_true", help="as before")
        parser.add_argument("--yes", action="store_true", help="do not ask")
    if verb == "delete":
        parser.add_argument("--yes", action="store_true", help="do not ask")
    if verb == "tensorboard":
        parser.add_argument("--port", type=int, default=6006, help="here")
    flags = parser.parse_args(argv)
    check_name("--name", flags.name, names.NAME_CHARS)
    client = Client()
    return Target(client, flags, _request(client, flags))


def _request(client: Client, flags: argparse.Namespace) -> Request | None:
    """Returns the request of a job: as noted here, else as in its bucket."""
    file = pathlib.Path(plan.local_folder(flags.name)) / "request.json"
    try:
        if flags.bucket is None:
            return from_json(file.read_text()) if file.is_file() else None
        bucket = names.bucket_of("--bucket", flags.bucket)
        address = f"{bucket}/.strata/{flags.name}/request.json"
        words = gcloud.read(flags.project, address)
        text = None if flags.dry_run else client.read(words)
        return from_json(text) if text else None
    except ValueError as error:
        raise UserError(
            f"--name={flags.name}: what is noted is {error}; remove {file}"
        ) from None
