"""Larkspur in this process, with a signing key of its own, spoken to as a browser would."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.newsletter.config import NewsletterConfig
from examples.newsletter.web import create_app
from starlette.testclient import TestClient

from sealgate.session import SigningKey

PUBLIC_URL = "https://letters.example"
OURS = {"origin": PUBLIC_URL}


@pytest.fixture
def signing_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture
def config(tmp_path: Path, signing_key: SigningKey) -> NewsletterConfig:
    path = tmp_path / "session-key.pem"
    path.touch(mode=0o600)
    path.write_text(signing_key.to_pem())
    return NewsletterConfig(
        public_url=PUBLIC_URL,
        proxy_url="https://proxy.example",
        instance="inst_" + "b" * 20,
        application="app_" + "c" * 20,
        signing_key_id=signing_key.kid,
        signing_key_path=path,
        hosts=("letters.example",),
    )


@pytest.fixture
def browser(config: NewsletterConfig) -> Iterator[TestClient]:
    with TestClient(create_app(config), base_url=PUBLIC_URL) as client:
        yield client


@pytest.fixture
def mara(browser: TestClient) -> TestClient:
    return signed_in(browser, "member-4017")


def signed_in(browser: TestClient, person: str) -> TestClient:
    assert browser.post("/sign-in", data={"person": person}, headers=OURS).status_code == 200
    return browser


def csrf_of(browser: TestClient) -> str:
    found = re.search(r'<meta name="csrf-token" content="([0-9a-f]+)">', browser.get("/").text)
    assert found is not None
    return found[1]
