"""What developers copy works as it stands."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from sealgate.console.applications.snippets import make_snippets
from sealgate.ids import new_id
from sealgate.session import SigningKey, verify

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
        proxy_url="https://proxy.example", instance=INSTANCE, application=APPLICATION, kid="key_…", origin=""
    )
    assert 'src="https://proxy.example/assistant/v1/sealgate-assistant.js"' in snippets.html
    assert 'proxy="https://proxy.example"' in snippets.html
    assert 'session-url="/assistant/session"' in snippets.html
    assert "key_" not in snippets.html
