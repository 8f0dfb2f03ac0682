"""How exchanges end when something dies: one outcome each, none lost, none twice; stop means stop.

Each of these breaks something, so each runs a demo of its own.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from tests.e2e.running_demo import RunningDemo, demo_in, wait_for

LONG = {
    "model": "gpt-sim",
    "stream": True,
    "messages": [{"role": "user", "content": "Write a long letter about gardens. " * 20}],
}

BRIEF = {**LONG, "messages": [{"role": "user", "content": "Write a line."}]}


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    with demo_in(tmp_path_factory.mktemp("endings") / "demo") as running:
        yield running


@pytest.fixture(autouse=True)
def closed_streams() -> Iterator[None]:
    """Every socket of a test is closed at its end."""
    yield
    while OpenStream.opened:
        OpenStream.opened.pop().close()


class OpenStream:
    """A streamed request on a socket of its own, read by hand."""

    opened: ClassVar[list[OpenStream]] = []

    def __init__(self, demo: RunningDemo, user: str, body: dict[str, object] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", demo.settings.proxy.port, timeout=60)
        self.opened.append(self)
        headers = {"authorization": f"Bearer {demo.token(user)}", "content-type": "application/json"}
        self._connection.request("POST", "/v1/chat/completions", json.dumps(body or LONG), headers)
        self.answer = self._connection.getresponse()
        self.request = self.answer.headers["x-request-id"]

    def read_some(self) -> bytes:
        return b"".join(self.answer.readline() for _ in range(6))

    def read_all(self) -> bytes:
        return self.answer.read()

    def close(self) -> None:
        if hasattr(self, "answer"):
            self.answer.close()
        self._connection.close()


def rows_of(demo: RunningDemo, request: str) -> list[dict[str, object]]:
    return [dict(row) for row in demo.usage() if row["request"] == request]


def test_closing_the_client_ends_the_providers_call_within_50_ms(breakable: RunningDemo) -> None:
    late: list[float] = []
    for attempt in range(5):
        stream = OpenStream(breakable, f"leaver-{attempt}")
        assert stream.read_some()
        before = len([call for call in breakable.calls() if call["ended_by"] == "client_left"])
        closed_at = time.monotonic()
        stream.close()
        wait_for(
            lambda n=before: len([c for c in breakable.calls() if c["ended_by"] == "client_left"]) > n  # type: ignore[misc]
        )
        ended = [call for call in breakable.calls() if call["ended_by"] == "client_left"][-1]
        late.append(ended["ended_ns"] / 1e9 - closed_at)
        wait_for(lambda r=stream.request: rows_of(breakable, r))  # type: ignore[misc]
        (row,) = rows_of(breakable, stream.request)
        assert row["outcome"] == "cancelled"
        assert row["estimated"]
        assert int(str(row["output_tokens"])) > 0
    assert sorted(late)[2] < 0.05, late


class HalfARequest:
    """A request whose body has not all come: it is not forwarded, and costs nothing."""

    def __init__(self, demo: RunningDemo) -> None:
        body = json.dumps(LONG).encode()
        self._socket = socket.create_connection(("127.0.0.1", demo.settings.proxy.port), 20)
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{demo.settings.proxy.port}\r\n"
            f"authorization: Bearer {demo.token('half')}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body[:-1])

    def ending(self) -> bytes:
        """What comes once the proxy is gone: nothing at all."""
        with self._socket, contextlib.suppress(ConnectionResetError):
            return self._socket.recv(1_024)
        return b""


def counted(demo: RunningDemo) -> list[str]:
    """The requests of every usage row; one that is counted twice stands here twice."""
    return sorted(str(row["request"]) for row in demo.usage())


@pytest.mark.parametrize("moment", ["before", "during", "after"])
def test_a_killed_proxy_loses_no_exchange_and_counts_none_twice(breakable: RunningDemo, moment: str) -> None:
    pid = breakable.pid("proxy")
    earlier = OpenStream(breakable, f"earlier-{moment}", BRIEF)
    earlier.read_all()
    wait_for(lambda: rows_of(breakable, earlier.request), 20)  # delivered: it must not be delivered again
    before, calls = counted(breakable), len(breakable.calls())
    stream, half = None, None
    if moment == "before":
        half = HalfARequest(breakable)
        wait_for(lambda: _open_connections(breakable) >= 1)
    else:
        stream = OpenStream(breakable, f"killed-{moment}")
        if moment == "during":
            stream.read_some()
        else:
            stream.read_all()
    breakable.kill("proxy")
    wait_for(lambda: breakable.pid("proxy") != pid, 20)
    wait_for(lambda: _answers(breakable), 20)
    again = OpenStream(breakable, f"next-{moment}")
    again.read_all()
    wait_for(lambda: rows_of(breakable, again.request), 20)
    assert [row["outcome"] for row in rows_of(breakable, again.request)] == ["completed"]
    begun = [again.request]
    if half is not None:
        assert half.ending() == b""
    if stream is not None:
        request = stream.request
        begun.append(request)
        wait_for(lambda: rows_of(breakable, request), 20)
        expected = {"during": "lost", "after": "completed"}[moment]
        assert [row["outcome"] for row in rows_of(breakable, request)] == [expected]
    assert counted(breakable) == sorted([*before, *begun])
    assert len(breakable.calls()) - calls == len(begun), (
        "the provider worked for something that is not counted"
    )


SHORT = {"SEALGATE_PROXY_CREDENTIAL_CACHE_S": "3", "SEALGATE_VAULT_LEASE_S": "12"}


@pytest.fixture(scope="module")
def leased(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """Its proxy holds keys briefly, and none at first."""
    with demo_in(tmp_path_factory.mktemp("leased") / "d", environment=SHORT) as running:
        yield running


def test_with_the_vault_down_and_nothing_held_it_refuses_and_names_the_administrator(
    leased: RunningDemo,
) -> None:
    _freeze(leased, "vault")
    try:
        stream = OpenStream(leased, "cold")
        error = json.loads(stream.read_all())["error"]
        assert stream.answer.status == 503
        assert (error["code"], error["who"]) == ("vault_unavailable", "administrator")
    finally:
        _thaw(leased, "vault")


def test_with_the_vault_down_the_proxy_serves_what_it_holds_then_says_who_can_fix_it(
    leased: RunningDemo,
) -> None:
    wait_for(lambda: OpenStream(leased, "warm", BRIEF).answer.status == 200, 20)
    OpenStream(leased, "warm", BRIEF).read_all()
    _freeze(leased, "vault")
    frozen_s = served_s = time.monotonic()
    try:
        while (stream := OpenStream(leased, "held", BRIEF)).answer.status == 200:
            assert b"[DONE]" in stream.read_all()
            served_s = time.monotonic()
            assert served_s < frozen_s + 25, "it serves beyond the lease"
        assert served_s > frozen_s + 5, "it gave up with the cache's time, not with the lease's"
        error = json.loads(stream.read_all())["error"]
        assert stream.answer.status == 503
        assert (error["code"], error["who"]) == ("vault_unavailable", "administrator")
        status, ready = leased.admin("/readyz")
        assert (status, ready["connected"]["vault"]) == (200, False)
    finally:
        _thaw(leased, "vault")
    wait_for(lambda: OpenStream(leased, "thawed", BRIEF).answer.status == 200, 20)


def test_with_the_console_down_the_proxy_goes_on_and_the_usage_arrives_later(tmp_path: Path) -> None:
    with demo_in(tmp_path / "d") as demo:
        warm = OpenStream(demo, "warm", BRIEF)
        warm.read_all()
        wait_for(lambda: rows_of(demo, warm.request), 30)
        before = counted(demo)
        _freeze(demo, "console")  # killed, it would be back before it was missed
        try:
            at_once = OpenStream(demo, "gate-outlives-office", BRIEF)
            assert b"[DONE]" in at_once.read_all()
            wait_for(lambda: not demo.admin("/readyz")[1]["connected"]["console"], 60)
            known_away = OpenStream(demo, "a-user-of-whom-it-never-heard", BRIEF)
            assert b"[DONE]" in known_away.read_all()
            assert demo.admin("/readyz")[0] == 200
            assert counted(demo) == before
        finally:
            _thaw(demo, "console")
        requests = [at_once.request, known_away.request]
        wait_for(lambda: len(counted(demo)) >= len(before) + 2, 60)
        assert counted(demo) == sorted([*before, *requests])
        assert {row["outcome"] for request in requests for row in rows_of(demo, request)} == {"completed"}


def test_a_stopped_demo_drains_and_finds_its_data_again(tmp_path: Path) -> None:
    with demo_in(tmp_path / "d") as demo:
        first = OpenStream(demo, "first")
        first.read_all()
        wait_for(lambda: rows_of(demo, first.request))
        application, password = demo.application, demo.owner_password
    with demo_in(tmp_path / "d") as demo:
        assert (demo.application, demo.owner_password) == (application, password)
        assert len(rows_of(demo, first.request)) == 1
        second = OpenStream(demo, "second")
        assert b"[DONE]" in second.read_all()


def _answers(demo: RunningDemo) -> bool:
    try:
        return demo.admin("/healthz")[0] == 200
    except OSError:
        return False


def _open_connections(demo: RunningDemo) -> int:
    """Established connections at the proxy's own port, by the kernel's table."""
    port = f":{demo.settings.proxy.port:04X}"
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return len([row for row in rows if row[1].endswith(port) and row[3] == "01"])


def _freeze(demo: RunningDemo, program: str) -> None:
    """Stop a process where it stands: it answers nothing, and the supervisor does not start another."""
    demo.kill(program, signal.SIGSTOP)


def _thaw(demo: RunningDemo, program: str) -> None:
    demo.kill(program, signal.SIGCONT)


def test_the_proxy_answers_preflights_of_anybody_alike(breakable: RunningDemo) -> None:
    with httpx.Client() as client:
        answers = [
            client.options(
                f"{breakable.proxy_url}/v1/chat/completions",
                headers={"origin": origin, "access-control-request-method": "POST"},
            )
            for origin in (breakable.newsletter_url, "https://evil.example")
        ]
    for answer in answers:
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "authorization" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers
