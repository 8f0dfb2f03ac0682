"""`sealgate session`: a token as a host's server signs it, without a network."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from sealgate.ids import new_id
from sealgate.session import SigningKey, verify
from tests.scripts.house import Ran, run

APP, INSTANCE = new_id("app"), new_id("inst")


async def session(folder: Path, *words: str) -> Ran:
    base = ("session", "--application", APP, "--user", "u-17", "--instance", INSTANCE)
    return await run((*base, *words), b"", os.environ, folder)


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    made = SigningKey.generate()
    (tmp_path / f"{made.kid}.pem").write_text(made.to_pem())
    (tmp_path / "plain.pem").write_text(made.to_pem())
    (tmp_path / "key.jwk").write_text(made.to_jwk())
    return made


@pytest.mark.parametrize("file", ["{kid}.pem", "key.jwk", "plain.pem --kid {kid}"])
async def test_the_token_verifies_and_says_what_was_asked(tmp_path: Path, key: SigningKey, file: str) -> None:
    words = file.format(kid=key.kid).split()
    permissions = ("--permission", "api:*", "--permission", "prompt")
    done = await session(tmp_path, "--signing-key", *words, *permissions, "--origin", "https://a.example")
    assert done.code == 0, done.err
    found = verify(done.out.strip(), [key.public], INSTANCE, time.time())
    assert (found.application, found.subject, found.origin) == (APP, "u-17", "https://a.example")
    assert found.permissions == {"api:*", "prompt"}
    assert found.expires_at - found.issued_at == 900


REFUSED = [
    (("--signing-key", "absent.pem"), 78, "Cannot read absent.pem"),
    (("--signing-key", "plain.pem"), 65, "does not say which key it is"),
    (("--signing-key", "plain.pem", "--kid", "key.x", "--lifetime", "7200"), 65, ""),
    (("--signing-key", "key.jwk", "--lifetime", "0"), 65, ""),
    (("--signing-key", "key.jwk", "--permission", "no such"), 65, ""),
    (("--signing-key", "junk.pem", "--kid", "key_a"), 65, "no usable private key"),
    (("--signing-key", "key.jwk", "--application", "larkspur"), 65, "no id"),
    (("--signing-key", "key.jwk", "--instance", "here"), 65, "no id"),
    (("--lifetime", "x"), 64, "lifetime"),
    ((), 64, "signing-key"),
]


@pytest.mark.parametrize(("words", "code", "told"), REFUSED, ids=range(len(REFUSED)))
async def test_what_cannot_be_signed_is_told_in_one_line(
    tmp_path: Path, key: SigningKey, words: tuple[str, ...], code: int, told: str
) -> None:
    (tmp_path / "junk.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    done = await session(tmp_path, *words)
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    for line in key.to_pem().splitlines()[1:-1]:
        assert line not in done.err
