"""What developers copy works as it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from sealgate.console.applications.snippets import NO_KEY, Snippets, make_snippets, sdk_address
from sealgate.ids import new_id
from sealgate.session import SigningKey, verify
from sealgate.session.curves import Algorithm

INSTANCE, APPLICATION = new_id("inst"), new_id("app")


@pytest.mark.parametrize("origin", ["", "https://app.example.com"])
def test_the_back_ends_part_mints_a_session_that_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    key = SigningKey.generate(new_id("key"))
    (tmp_path / f"{key.kid}.pem").write_text(key.to_pem())
    monkeypatch.chdir(tmp_path)
    snippets = make_snippets(
        proxy_url="https://proxy.example",
        instance=INSTANCE,
        application=APPLICATION,
        kid=key.kid,
        origin=origin,
        model="gpt-4o-mini",
    )
    names: dict[str, Any] = {}
    exec(compile(snippets.python, "snippet", "exec"), names)
    token = names["assistant_session"]("user-1")["token"]
    session = verify(token, [key.public], INSTANCE, int(time.time()))
    assert (session.application, session.subject) == (APPLICATION, "user-1")
    assert session.origin == (origin or None)
    assert session.permits("action:shorten")


def test_the_pages_part_names_the_proxy_and_nothing_secret() -> None:
    snippets = make_snippets(
        proxy_url="https://proxy.example",
        instance=INSTANCE,
        application=APPLICATION,
        kid=NO_KEY,
        origin="",
        model="gpt-4o-mini",
    )
    assert 'src="https://proxy.example/assistant/v1/sealgate-assistant.js"' in snippets.html
    assert 'proxy="https://proxy.example"' in snippets.html
    assert 'session-url="/assistant/session"' in snippets.html
    assert "key_" not in snippets.html


@pytest.mark.parametrize(
    ("proxy_url", "address"),
    [
        ("http://proxy.localhost:8702", "http://127.0.0.1:8702"),
        ("https://proxy.localhost", "https://proxy.localhost"),
        ("https://proxy.example", "https://proxy.example"),
        ("http://127.0.0.1:8702", "http://127.0.0.1:8702"),
    ],
)
def test_programs_are_given_an_address_that_they_can_resolve(proxy_url: str, address: str) -> None:
    assert sdk_address(proxy_url) == address


class Provider(BaseHTTPRequestHandler):
    """Answers a chat completion, and keeps what it was sent."""

    asked: ClassVar[list[tuple[str, str, dict[str, Any]]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, self.headers["authorization"], body))
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello."}}
        answer = {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": body["model"],
            "choices": [choice],
        }
        raw = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_words: object) -> None:
        """Quiet."""


@pytest.mark.parametrize("algorithm", ["Ed25519", "ES256"])
@pytest.mark.parametrize("way", ["shell", "python"])
def test_the_first_request_works_as_it_is_copied(tmp_path: Path, way: str, algorithm: Algorithm) -> None:
    key = SigningKey.generate(new_id("key"), algorithm)
    (tmp_path / f"{key.kid}.pem").write_text(key.to_pem())

    class Asked(Provider):
        asked: ClassVar = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        snippets = made(f"http://proxy.localhost:{server.server_port}", key.kid)
        command = ["sh", "-ec", snippets.try_shell]
        if way == "python":
            command = [sys.executable, "-c", snippets.try_python]
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            command,
            check=False,
            cwd=tmp_path,
            env={"PATH": path, "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert "Hello." in done.stdout
    [(path, bearer, body)] = Asked.asked
    assert (path, body["model"]) == ("/v1/chat/completions", "gpt-4o-mini")
    session = verify(bearer.removeprefix("Bearer "), [key.public], INSTANCE, int(time.time()))
    assert (session.application, session.subject) == (APPLICATION, "me")
    assert session.permits("api:chat.completions")
    assert not session.permits("action:shorten")


def test_no_line_is_wider_than_the_page() -> None:
    parts = made("https://proxy.assistant.example.com", new_id("key"))
    for name in ("html", "python", "try_python"):
        assert max(len(line) for line in getattr(parts, name).splitlines()) <= 84, name


def made(proxy_url: str, kid: str) -> Snippets:
    return make_snippets(
        proxy_url=proxy_url,
        instance=INSTANCE,
        application=APPLICATION,
        kid=kid,
        origin="https://app.example.com",
        model="gpt-4o-mini",
    )
