"""A `python` that leaves trainers, or gcloud, to a fork server.

Whatever else it is asked to run it becomes itself, under its own name, so that
`sys.executable` is this file there, too. Such a program is a child of the
server with this process's words, variables, folder, descriptors and
namespaces. It is passed the signals that come here, is killed as soon as this
process is, and its end is this one's.
"""

import json
import os
import signal
import socket
import sys

FORKED = ("trainer.task", "tests.faults.trainer", "tests.faults.told")
SCRIPT = "/lib/gcloud.py"
PASSED_ON = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def given_descriptors() -> list[int]:
    """Returns those that whoever started this process handed down."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found += [int(name)] if os.get_inheritable(int(name)) else []
        except OSError:
            continue  # That of the folder itself.
    return found


def ask(server: socket.socket, words: list[str]) -> None:
    """Has the server run `python -m WORDS` in this process's place."""
    descriptors = given_descriptors()
    told = {
        "words": words,
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "process": os.getpid(),
        "descriptors": descriptors,
    }
    socket.send_fds(server, [json.dumps(told).encode()], descriptors)
    for descriptor in descriptors:
        os.close(descriptor)


def end_as(code: int) -> None:
    """Ends with an exit code, or by a signal where it is negative."""
    if code < 0:
        if code not in (-signal.SIGKILL, -signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def forked(words: list[str]) -> list[str]:
    """Returns what the server is to run; [] where it is not to."""
    if words[1:2] == ["-m"] and words[2] in FORKED:
        return words[2:]
    places = [i for i, word in enumerate(words) if word.endswith(SCRIPT)]
    return words[places[0] :] if places else []


def main(words: list[str]) -> None:
    wanted = forked(words)
    if not wanted:
        os.execv(sys.executable, words)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.connect(os.path.join(os.path.dirname(words[0]), "server"))
    for number in PASSED_ON:
        signal.signal(number, lambda n, frame: server.send(b"%d" % n))
    ask(server, wanted)
    end_as(int(server.recv(16)))


if __name__ == "__main__":
    main(sys.argv)
