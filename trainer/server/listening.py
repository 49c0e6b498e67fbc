"""From an application to a process that answers, or to several."""

import contextlib
import functools
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Generator

import uvicorn
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

from trainer.process import ports
from trainer.process.exits import CLUSTER_FAILED
from trainer.process.exits import DONE
from trainer.process.exits import HUNG_UP
from trainer.process.exits import MISTAKE
from trainer.process.exits import tell
from trainer.process.exits import UserError
from trainer.process.facts import is_ignored
from trainer.process.parent import die_with_parent
from trainer.server.patience import PatientProtocol
from trainer.server.settings import Address
from trainer.server.settings import FOLDER_VARIABLE
from trainer.server.settings import Settings

# As nginx keeps a connection that nobody uses, so that a client's own pool of
# them ends first.
IDLE_SECS = 75
BACKLOG = 2048
# Until a worker that imports TensorFlow on a busy machine answers.
START_SECS = 300
# From one look whether it is to end to the next, until then.
LOOK_SECS = 1
# So often in a row may workers end before all answer.
MOST_FAILURES = 6


def url_of(address: Address, taken: socket.socket) -> str:
    """Returns where a server is asked."""
    scheme = "http" if address.certificate is None else "https"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{host}:{taken.getsockname()[1]}"


def serve(settings: Settings, address: Address, taken: socket.socket) -> int:
    """Answers until it is told to end; returns the exit code.

    Raises:
      UserError: something cannot be served.
    """
    _allow_connections()
    if settings.workers > 1:
        return _serve_by_workers(settings, address, taken)
    # Of a shell it is for other programs, and may lead nowhere.
    os.environ.pop(FOLDER_VARIABLE, None)
    from trainer.server import app

    config = config_of(app.build(settings), settings, address)
    server = _Server(config, url_of(address, taken))
    try:
        server.run([taken])
    except OSError as error:  # another took the port while this one loaded
        raise ports.cannot_be_had(address.host, address.port, error) from None
    return DONE if server.started else CLUSTER_FAILED


def _serve_by_workers(
    settings: Settings, address: Address, taken: socket.socket
) -> int:
    with tempfile.TemporaryDirectory(prefix="strata-serve-") as folder:
        os.environ[FOLDER_VARIABLE] = folder
        factory = functools.partial(_of_worker, settings)
        config = config_of(factory, settings, address)
        taken.set_inheritable(True)
        workers = _Workers(config, [taken], url_of(address, taken))
        workers.run()
        taken.close()
    if workers.has_failed:
        return CLUSTER_FAILED
    if workers.is_hung_up:
        return HUNG_UP
    codes = [process.exitcode for process in workers.processes]
    return MISTAKE if STARTUP_FAILURE in codes else DONE


def _of_worker(settings: Settings) -> ASGIApp:
    """Makes a worker's application; it ends where it cannot."""
    # None outlives who restarts it.
    die_with_parent(signal.SIGTERM)
    parent = multiprocessing.parent_process()
    if parent is not None and not parent.is_alive():
        sys.exit(STARTUP_FAILURE)
    from trainer.server import app

    try:
        return app.build(settings)
    except UserError as error:
        tell(str(error))
        sys.exit(STARTUP_FAILURE)


def config_of(
    app: object, settings: Settings, address: Address
) -> uvicorn.Config:
    """Returns how uvicorn runs an application, or what makes one."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        factory=settings.workers > 1,
        workers=settings.workers,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECS,
        timeout_graceful_shutdown=round(settings.grace_secs),
        ssl_certfile=address.certificate,
        ssl_keyfile=address.key,
    )


class _Server(uvicorn.Server):
    """A server that says where it is, and whose end by a signal is no fault."""

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(f"ready at {self._url}", flush=True)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield


class _Workers(Multiprocess):
    """Worker processes; one that ends is started again.

    Attributes:
      has_failed: whether they ended again and again before all answered.
      is_hung_up: whether SIGHUP ended them.
    """

    def __init__(
        self, config: uvicorn.Config, sockets: list[socket.socket], url: str
    ) -> None:
        is_kept = is_ignored(signal.SIGHUP)
        super().__init__(config, sockets)
        if is_kept:  # as nohup asks; workers inherit it
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._url = url
        self.has_failed = False
        self.is_hung_up = False
        self._failures = 0
        self._next_look_secs = 0.0

    def keep_subprocess_alive(self) -> None:
        """Starts those again that ended: at once, and ever later.

        What ends a worker before it answers may pass, as want of memory does;
        but each start costs much, and who waits for the server is to hear.
        """
        if time.monotonic() < self._next_look_secs:
            return
        before = list(self.processes)
        super().keep_subprocess_alive()
        if self.should_exit.is_set():
            return
        if self.processes == before:
            if self._failures and all(each.is_ready() for each in before):
                self._failures = 0
            return
        self._next_look_secs = time.monotonic() + 2**self._failures - 1
        self._failures += 1
        if self._failures > MOST_FAILURES:
            tell(
                f"workers ended {self._failures} times before all answered;"
                " what they said stands above"
            )
            self.has_failed = True
            self.should_exit.set()

    def handle_hup(self) -> None:
        """Ends, as one process does; uvicorn's own starts all workers anew."""
        self.is_hung_up = True
        self.should_exit.set()

    def init_processes(self) -> None:
        super().init_processes()
        started = [self._answers(process) for process in self.processes]
        if all(started) and not self._is_to_end():
            print(f"ready at {self._url}", flush=True)

    def _answers(self, process: Process) -> bool:
        """Waits until a worker answers, for as long as it may."""
        until = time.monotonic() + START_SECS
        while time.monotonic() < until and process.process.is_alive():
            if self._is_to_end():
                return False
            if process.wait_until_ready(LOOK_SECS):
                return True
        return False

    def _is_to_end(self) -> bool:
        """Hears of the end alone: other signals are for workers that answer."""
        if signal.SIGHUP in self.signal_queue:
            self.handle_hup()
        if not {signal.SIGINT, signal.SIGTERM}.isdisjoint(self.signal_queue):
            self.should_exit.set()
        return self.should_exit.is_set()


def _allow_connections() -> None:
    """Allows as many open connections as the system does."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
