"""`strata launch gcp firewall`: keeps others from the machines of jobs.

TensorFlow's port has no password, and in Google's default network all machines
reach each other. Two rules by the machines' tag: their own may do all, others
reach nothing but the system's ports (ssh).
"""

import shlex
import sys

from trainer.launch.command_line import check_name
from trainer.launch.confirmation import confirmed
from trainer.launch.gcp import gcloud
from trainer.launch.gcp.client import Client
from trainer.launch.gcp.client import GcloudError
from trainer.launch.gcp.request import TAG
from trainer.launch.gcp.target import parser_of
from trainer.launch.supervise.policy import FAILED

OWN_PRIORITY, OTHERS_PRIORITY = 900, 901
# Above those of the system; TensorFlow's is 2222, NCCL takes any.
PORTS = "tcp:1024-65535,udp:1024-65535"


def rules(project: str | None, network: str, tag: str) -> list[gcloud.Words]:
    """Returns the commands that make the rules."""
    common = (f"--network={network}", "--direction=INGRESS")
    create = ("compute", "firewall-rules", "create")
    own, others = names_of(network, tag)
    return [
        gcloud.gcloud(
            project,
            *(*create, own, *common, f"--priority={OWN_PRIORITY}"),
            *("--action=ALLOW", "--rules=tcp,udp"),
            *(f"--source-tags={tag}", f"--target-tags={tag}"),
        ),
        gcloud.gcloud(
            project,
            *(*create, others, *common, f"--priority={OTHERS_PRIORITY}"),
            *("--action=DENY", f"--rules={PORTS}"),
            *("--source-ranges=0.0.0.0/0", f"--target-tags={tag}"),
        ),
    ]


def names_of(network: str, tag: str) -> tuple[str, str]:
    """Names the rule for the machines' own, and that for others."""
    return f"{network}-{tag}-own", f"{network}-{tag}-others"


def main(argv: list[str]) -> int:
    """Makes the rules of a network, after a question; those there stay.

    Raises:
      UserError: a flag is wrong, or nobody is at the terminal.
      GcloudError: a rule could not be made.
    """
    parser = parser_of("firewall", __doc__.partition(": ")[2])
    parser.add_argument("--network", default="default", help="default if unset")
    parser.add_argument(
        "--network_tag", default=TAG, help=f"of the machines; {TAG} if unset"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    wanted = parser.parse_args(argv)
    for flag in ("network", "network_tag"):
        check_name(f"--{flag}", getattr(wanted, flag))
    commands = rules(wanted.project, wanted.network, wanted.network_tag)
    if wanted.dry_run:
        for words in commands:
            print(shlex.join(words))
        return 0
    for words in commands:
        print(shlex.join(words), file=sys.stderr)
    if not wanted.yes and not confirmed(
        "make these rules?",
        "nobody is at the terminal to ask; add --yes, or see --dry_run",
    ):
        print("nothing was made", file=sys.stderr)
        return FAILED
    client = Client()
    for words in commands:
        answer = client.ask(words)
        if answer.code and "already exists" not in answer.complaint:
            raise GcloudError(f"{words[4]} was not made: {answer.words()}")
    both = names_of(wanted.network, wanted.network_tag)
    delete = gcloud.gcloud(
        wanted.project, "compute", "firewall-rules", "delete", *both
    )
    print(
        f"machines with the tag {wanted.network_tag} reach each other, and"
        f" others reach them by ssh alone; {shlex.join(delete)} takes that back"
    )
    return 0
