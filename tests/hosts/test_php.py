"""docs/hosts/php.md runs in PHP as it stands there, and `sealgate.session` verifies what it signs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.running_demo import wait_for
from tests.hosts.pages import ORIGIN, USER, Host, write_blocks

pytestmark = pytest.mark.php

SIGN_IN = f"<?php session_start(); $_SESSION['user_id'] = '{USER}';"


def mint(host: Host, folder: Path, call: str) -> subprocess.CompletedProcess[str]:
    write_blocks("hosts/php.md", folder)
    return subprocess.run(
        ["php", "-d", "error_reporting=-1", "-r", f"require 'assistant-token.php'; echo {call};"],
        cwd=folder,
        env=os.environ | host.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.mark.parametrize("user", [USER, "Zoë"])
def test_a_token_that_php_signs_verifies_and_has_the_same_sid(host: Host, tmp_path: Path, user: str) -> None:
    host.check(mint(host, tmp_path, f"assistant_token('{user}')").stdout, user)


def test_a_lifetime_of_more_than_an_hour_is_refused(host: Host, tmp_path: Path) -> None:
    done = mint(host, tmp_path, "assistant_token('a', ['action:*'], 3601)")
    assert done.returncode != 0
    assert "1 to 3600 seconds" in done.stdout + done.stderr


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    done = mint(Host.make(tmp_path, "ES256"), tmp_path, "assistant_token('a')")
    assert done.returncode != 0
    assert "no Ed25519 key" in done.stdout + done.stderr


@contextlib.contextmanager
def serving(host: Host, folder: Path) -> Iterator[httpx.Client]:
    """PHP's own server over the folder, and a client that keeps its cookies."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["-d", f"session.save_path={folder}", "-d", "display_errors=0"]
    with (folder / "php.out").open("wb") as out:
        process = subprocess.Popen(
            ["php", *options, "-S", f"127.0.0.1:{port}", "-t", folder],
            env=os.environ | host.environment,
            stdout=out,
            stderr=out,
        )
    try:
        wait_for(lambda: "started" in (folder / "php.out").read_text(), 20)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
            yield client
    finally:
        process.terminate()
        process.wait(10)


def test_the_endpoint_answers_signed_in_people_on_its_own_origin_alone(host: Host, tmp_path: Path) -> None:
    write_blocks("hosts/php.md", tmp_path)
    (tmp_path / "sign-in.php").write_text(SIGN_IN)
    mine = {"origin": ORIGIN}
    with serving(host, tmp_path) as client:
        assert client.post("/assistant-session.php", headers=mine).status_code == 401
        client.get("/sign-in.php")
        assert client.get("/assistant-session.php", headers=mine).status_code == 403
        assert client.post("/assistant-session.php").status_code == 403
        good = client.post("/assistant-session.php", headers=mine)
    assert (good.status_code, good.headers["cache-control"]) == (200, "no-store")
    host.check(good.json()["token"])
