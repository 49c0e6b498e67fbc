"""Who may ask: a token, and names by which no web page gets here."""

import asyncio

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
    return asking.answering(asking.lasting(app), settings)


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
        ("LOCALHOST:8501", 200),
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


ASK = "POST", "/v1/models/digits:predict"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://a.example"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403),
        ({"Origin": "http://127.0.0.1:8501"}, 200),
        ({"Origin": "http://127.0.0.1:3000"}, 403),
        ({"Origin": "https://a.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_the_page_of_another_place_is_refused(headers, status):
    method, path = ASK
    counted = []
    headers = {"Host": "127.0.0.1:8501"} | headers
    with guarded(counted) as server:
        answer = server.ask(path, b"{}", headers, method)
    assert answer.status == status
    assert counted == [("", "other", status)]
    # Another page has no token to bear; and who allows anyone allows it.
    bearing = headers | {"Authorization": f"Bearer {TOKEN}"}
    with guarded([], token=TOKEN) as server:
        assert server.ask(path, b"{}", bearing, method).status == 200
    with guarded([], is_local=False) as server:
        assert server.ask(path, b"{}", headers, method).status == 200


def test_a_link_to_the_page_is_followed():
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    with guarded([]) as server:
        assert server.ask("/", headers=headers).status == 200
        headers["Sec-Fetch-Mode"] = "no-cors"
        assert server.ask("/", headers=headers).status == 403


def unguarded(app, counted):
    """Returns a guard that refuses nobody."""
    return Guard(
        app,
        Settings((), is_local=False),
        lambda *told: counted.append(told[:3]),
    )


async def unheard():
    raise AssertionError("nothing is read")


REQUEST = {"type": "http", "headers": []}


def test_who_has_an_answer_finds_it_counted():
    counted, at_end = [], []

    async def send(message):
        if not message.get("more_body", False) and "body" in message:
            at_end.append(len(counted))

    app = unguarded(PlainTextResponse("heard"), counted)
    asyncio.run(app(REQUEST, unheard, send))
    assert at_end == [1]
    assert counted == [("", "other", 200)]


def test_what_fails_before_its_answer_is_counted_as_500():
    counted, sent = [], []

    async def failing(scope, receive, send):
        raise OSError

    async def send(message):
        sent.append(message)

    with pytest.raises(OSError):
        asyncio.run(unguarded(failing, counted)(REQUEST, unheard, send))
    assert counted == [("", "other", 500)]
    assert not sent
