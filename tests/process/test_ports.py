"""Ports that are taken, and those that cannot be."""

import re
import socket

import pytest

from trainer.process.exits import UserError
from trainer.process.ports import bound
from trainer.process.ports import LOOPBACK


def test_who_connects_is_refused_until_it_listens():
    with bound(LOOPBACK, 0) as taken:
        place = taken.getsockname()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(place)
        taken.listen()
        socket.create_connection(place).close()


def test_one_that_cannot_be_had_is_a_mistake_and_names_its_flag():
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]
        told = f"--port={port} of --host={LOOPBACK} cannot be had (Address alr"
        with pytest.raises(UserError, match=re.escape(told)):
            bound(LOOPBACK, port)
    with pytest.raises(UserError, match=r"of --metrics_host=192\.0\.2\.1 c"):
        bound("192.0.2.1", 0, flags="metrics_")
    for host in (".foo", "a" * 64):
        with pytest.raises(UserError, match="no machine can have that name"):
            bound(host, 0)
    with pytest.raises(UserError, match="=70000 must be from 0 to 65535"):
        bound(LOOPBACK, 70_000)
