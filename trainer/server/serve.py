"""`strata serve`: runs and exports behind HTTP."""

import importlib.util

from trainer.process import ports
from trainer.process.exits import verb
from trainer.process.extras import missing_package
from trainer.server import command_line
from trainer.server import opening

PACKAGES = ("starlette", "uvicorn", "httptools", "prometheus_client")


@verb
def main(argv: list[str]) -> int:
    """Serves until it is told to end.

    Raises:
      UserError: before the port is open for requests.
    """
    arguments = command_line.parse(argv)
    settings = command_line.settings_of(arguments)
    address = command_line.address_of(arguments)
    check_packages()
    if settings.workers > 1:  # whose own words come late, and several times
        for _, where in settings.places:
            opening.find(where, settings.checkpoint, settings.runtime)
    taken = ports.bound(address.host, address.port)
    from trainer.server import listening

    return listening.serve(settings, address, taken)


def check_packages() -> None:
    """Refuses to go on without the extra `serve`.

    Raises:
      UserError: it is not installed.
    """
    missing = [n for n in PACKAGES if importlib.util.find_spec(n) is None]
    if missing:
        raise missing_package("strata serve", " ".join(missing), "serve")
