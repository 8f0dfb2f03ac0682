"""Who may speak for whom: only proxies that the configuration names, read from the right."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Message, Scope

from sealgate.listening.arrival import Arrival
from sealgate.listening.peers import PeersError, TrustedPeers, is_loopback

PEERS = TrustedPeers(["127.0.0.1", "10.1.0.0/16", "fd00::/64"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("127.0.0.1", ["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("10.1.2.3", ["10.1.9.9"], "10.1.9.9"),
        ("127.0.0.1", ["nonsense"], "127.0.0.1"),
        ("127.0.0.1", ["198.51.100.1, nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("fd00::5", ["2001:db8::1"], "2001:db8::1"),
        ("fd00::5", ["[2001:db8::1]"], "2001:db8::1"),
        ("10.2.0.1", ["198.51.100.1"], "10.2.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy_of_ours(
    peer: str, forwarded: list[str], client: str
) -> None:
    assert PEERS.client(peer, forwarded) == client


@pytest.mark.parametrize("listed", ["", "proxy.example", "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.0/7"])
def test_a_list_that_names_nobody_or_everybody_is_refused(listed: str) -> None:
    with pytest.raises(PeersError, match="hint:"):
        TrustedPeers([listed])


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_known(address: str) -> None:
    assert is_loopback(address)


async def show(request: Request) -> Response:
    assert request.client is not None
    return PlainTextResponse(f"{request.url.scheme} {request.client.host}")


async def ask(
    peer: str, *, encrypted: bool, forwarded: bytes = b"", here: str = "192.0.2.1"
) -> tuple[int, str]:
    site = Starlette(routes=[Route("/", show)])
    app = Arrival(site, "https://console.example", PEERS, encrypted=encrypted)
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"console.example"), (b"x-forwarded-proto", b"http")]
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "server": (here, 8700),
        "client": (peer, 5555),
        "headers": [*headers, (b"x-forwarded-for", forwarded)] if forwarded else headers,
    }
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"].decode()


async def test_scheme_and_client_come_from_the_configuration_and_trusted_peers() -> None:
    assert await ask("127.0.0.1", encrypted=False, forwarded=b"198.51.100.1") == (200, "https 198.51.100.1")
    assert await ask("203.0.113.9", encrypted=True, forwarded=b"198.51.100.1") == (200, "https 203.0.113.9")


async def test_a_stranger_in_the_clear_is_refused() -> None:
    assert (await ask("203.0.113.9", encrypted=False))[0] == 403
    assert (await ask("10.1.2.3", encrypted=False))[0] == 200
    assert (await ask("192.0.2.1", encrypted=False))[0] == 200  # this machine, by its own address
