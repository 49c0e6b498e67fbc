"""Who may ask: a token, and names by which no web page gets here."""

import pytest
from starlette.responses import PlainTextResponse

from tests import asking
from trainer.server.guard import Guard
from trainer.server.settings import Settings

TOKEN = "a-token-of-some-length"


def guarded(counted, **more):
    settings = Settings((), **more)
    app = Guard(
        PlainTextResponse("heard"),
        settings,
        lambda *told: counted.append(told[:3]),
    )
    return asking.answering(_without_lifespan(app), settings)


def _without_lifespan(app):
    async def only_http(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await app(scope, receive, send)

    return only_http


def test_a_token_must_be_borne_but_by_probes_and_the_page():
    counted = []
    with guarded(counted, token=TOKEN) as server:
        for header, status in (
            (None, 401),
            ("Bearer wrong", 401),
            (TOKEN, 401),
            ("Bearer", 401),
            (f"Basic {TOKEN}", 401),
            (f"Bearer {TOKEN}", 200),
            (f"bearer {TOKEN}", 200),
        ):
            headers = {} if header is None else {"Authorization": header}
            answer = server.ask("/v1/models", headers=headers)
            assert answer.status == status, header
        for path in ("/", "/v2/health/live", "/v2/health/ready"):
            assert server.ask(path).status == 200
        assert server.ask("/metrics").headers["www-authenticate"] == "Bearer"
    assert counted[0] == ("", "other", 401)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8501", 200),
        ("localhost", 200),
        ("[::1]:8501", 200),
        ("192.168.7.7:80", 200),
        ("evil.example", 421),
        ("evil.example:8501", 421),
        ("127.0.0.1.evil.example", 421),
    ],
)
def test_a_page_whose_name_leads_here_is_refused(host, status):
    with guarded([]) as server:
        assert server.ask("/", headers={"Host": host}).status == status
    with guarded([], is_local=False, token=TOKEN) as server:
        assert server.ask("/", headers={"Host": host}).status == 200
