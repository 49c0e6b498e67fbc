"""Commands and webhooks that are told, slow to answer, or not there."""

import contextlib
import http.server
import json
import socket
import time

import pytest

from tests.faults import jobs
from tests.http_server import serving
from trainer.process import exits
from trainer.process import hooks
from trainer.process.end_hook import ending
from trainer.process.exits import ClusterError
from trainer.process.exits import UserError
from trainer.process.hooks import Hook


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(hooks, "AGAIN", hooks.AGAIN.new(backoff_factor=0))


@contextlib.contextmanager
def answering(*codes):
    """Serves a webhook that answers by these; gives its URL, what it heard."""
    heard, left = [], list(codes)

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            size = int(self.headers["Content-Length"])
            heard.append(json.loads(self.rfile.read(size)))
            self.send_response(left.pop(0))
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *words):
            pass

    with serving(Webhook) as address:
        yield f"{address}/secret", heard


def tell(target):
    hook = Hook("on_alert", target)
    hook.tell("alert", "input_bound at step 9: rows", name="input_bound")
    hook.close()


def test_a_webhook_is_posted_the_event(capfd):
    with answering(204) as (url, heard):
        tell(url)
    (event,) = heard
    assert event["kind"] == "alert"
    assert event["name"] == "input_bound"
    assert event["text"] == "input_bound at step 9: rows"
    assert event["host"]
    assert event["unix_secs"] > 1e9
    assert capfd.readouterr().err == ""


def test_a_webhook_that_has_too_much_to_do_is_tried_again(capfd):
    with answering(503, 429, 200) as (url, heard):
        tell(url)
    assert len(heard) == 3
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("codes", "words"),
    [((404,), "404"), ((500, 500, 500), "500"), ((302,), "302")],
)
def test_one_that_refuses_is_said_to_without_its_secret(codes, words, capfd):
    with answering(*codes) as (url, heard):
        tell(url)
    assert len(heard) == len(codes)
    (line,) = capfd.readouterr().err.splitlines()
    assert line == (
        "strata: WARNING: --on_alert=http://127.0.0.1/... was not told: it"
        f" answered {words}"
    )


def test_one_that_never_answers_or_is_not_there_holds_up_nobody(
    capfd, monkeypatch
):
    monkeypatch.setattr(hooks, "TRY_SECS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        began_secs = time.monotonic()
        hook = Hook("on_alert", f"http://127.0.0.1:{port}/secret")
        hook.tell("alert", "words")
        assert time.monotonic() - began_secs < 0.5
        hook.close()
    tell(f"http://127.0.0.1:{port}/secret")
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    for line in lines:
        assert "was not told: " in line
        assert "secret" not in line


def test_a_command_is_handed_the_event(tmp_path):
    tell(f'cat > {tmp_path}/a; echo "$STRATA_EVENT_NAME" > {tmp_path}/b')
    event = json.loads((tmp_path / "a").read_text())
    assert event["text"] == "input_bound at step 9: rows"
    assert (tmp_path / "b").read_text() == "input_bound\n"


def test_a_command_that_leaves_something_in_the_background_has_ended(
    tmp_path, capfd, monkeypatch
):
    monkeypatch.setattr(hooks, "TRY_SECS", 1.0)
    tell(f"echo x >> {tmp_path}/tries; sleep 2 && echo x > {tmp_path}/late &")
    assert capfd.readouterr().err == ""
    jobs.wait_for("what it left", (tmp_path / "late").exists)
    assert (tmp_path / "tries").read_text() == "x\n"


def test_a_command_that_fails_is_tried_three_times(tmp_path, capfd):
    tell(f"echo x >> {tmp_path}/tries; echo no route >&2; exit 3")
    assert (tmp_path / "tries").read_text() == "x\n" * 3
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith("was not told: exit code 3: no route")


def test_a_command_that_hangs_is_ended(capfd, monkeypatch):
    monkeypatch.setattr(hooks, "TRY_SECS", 0.1)
    tell("sleep 600")
    assert "sh did not answer in 0.1 s" in capfd.readouterr().err


def test_what_comes_too_fast_is_dropped(tmp_path):
    hook = Hook("on_alert", f"read line; echo x >> {tmp_path}/heard")
    began_secs = time.monotonic()
    for _ in range(10 * hooks.MOST_WAITING):
        hook.tell("alert", "words")
    assert time.monotonic() - began_secs < 1
    hook.close()
    heard = len((tmp_path / "heard").read_text().split())
    assert 0 < heard <= hooks.MOST_WAITING + 1


def test_what_fails_by_files_without_checksums_is_told_as_it_ends(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(exits, "_unsealed", {"runs/old"})
    with pytest.raises(ZeroDivisionError), ending(f"cat > {tmp_path}/end", "a"):
        raise ZeroDivisionError
    event = json.loads((tmp_path / "end").read_text())
    assert (event["code"], event["status"]) == (exits.MISTAKE, "refused")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (None, exits.DONE, "done"),
        (None, exits.DIVERGED, "diverged"),
        (None, exits.STOPPED, "stopped"),
        (UserError("x"), exits.MISTAKE, "refused"),
        (ClusterError("x"), exits.CLUSTER_FAILED, "failed"),
        (OSError(28, "full"), exits.CLUSTER_FAILED, "failed"),
        (KeyboardInterrupt(), exits.INTERRUPTED, "interrupted"),
        (ZeroDivisionError(), exits.DEFECT, "failed"),
    ],
)
def test_an_end_is_told_whatever_it_was(error, code, status, tmp_path):
    raised = pytest.raises(type(error)) if error else contextlib.nullcontext()
    with raised, ending(f"cat > {tmp_path}/end", "runs/a") as end:
        if error:
            raise error
        end.code = code
    event = json.loads((tmp_path / "end").read_text())
    assert (event["code"], event["status"]) == (code, status)
    assert event["workdir"] == "runs/a"
    assert event["text"].startswith(f"{status} with code {code}: runs/a on ")
    assert end.code == code
