"""A third suite is a row of the table: nothing else has to be touched, here or in the vault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.hpke import AEAD, KEM

from sealgate.envelope import (
    EnvelopeError,
    SealingPrivateKey,
    decode_text,
    encode_text,
    envelope_bytes,
    open_into,
    seal,
    suites,
)
from sealgate.envelope.suites import HKDF_SHA256, SUITES, Aead, Kem, Suite
from sealgate.ids import new_id
from tests.envelope.vector_values import KEY, example_context
from tests.vault.deployment import Addresses, canary_key, ticket_order
from tests.vault.still import StillVault

THIRD = Suite(
    200,
    "third",
    Kem(0x0011, KEM.P384, SHA384(), SECP384R1(), 97, 48, 48),
    HKDF_SHA256,
    Aead(0x0003, AEAD.CHACHA20_POLY1305, ChaCha20Poly1305, 32),
)
AT = Addresses(new_id("org"), new_id("app"))


@pytest.fixture
def _third(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(suites, "SUITES", (*SUITES, THIRD))
        yield


@pytest.mark.usefixtures("_third")
def test_it_seals_and_opens() -> None:
    private, context = SealingPrivateKey.generate(THIRD.id), example_context()
    again = SealingPrivateKey.dangerously_from_bytes(private.dangerously_to_bytes(), THIRD.id)
    envelope = decode_text(encode_text(seal(KEY, private.public, context)))
    assert len(envelope) == envelope_bytes(THIRD) == 643
    slot = bytearray(512)
    assert slot[2 : 2 + open_into(envelope, again, context, memoryview(slot))] == KEY


@pytest.mark.usefixtures("_third")
def test_every_bit_of_it_is_protected() -> None:
    private, context = SealingPrivateKey.generate(THIRD.id), example_context()
    envelope, slot = seal(KEY, private.public, context), memoryview(bytearray(512))
    for position in range(0, len(envelope) * 8, 5):
        altered = bytearray(envelope)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(EnvelopeError):
            open_into(altered, private, context, slot)


def test_who_does_not_have_the_row_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(suites, "SUITES", (*SUITES, THIRD))
        private = SealingPrivateKey.generate(THIRD.id)
        text = encode_text(seal(KEY, private.public, example_context()))
    with pytest.raises(EnvelopeError):
        decode_text(text)


def test_a_vault_that_learns_it_offers_it_to_organizations_that_it_had_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, newer = canary_key(), canary_key()
    with StillVault(tmp_path) as vault:
        credential = vault.deposit(ticket_order(AT), key)
    monkeypatch.setattr(suites, "SUITES", (*SUITES, THIRD))
    with StillVault(tmp_path) as vault:
        vault.ready(ticket_order(AT, credential, stage=True), newer, suite=THIRD.id)()
        assert (vault.opens(AT, credential), vault.opens(AT, credential, 2)) == (key, newer)
        vault.epochs.rotate(AT.organization)
        assert sum(1 for _ in vault.epochs.pieces()) > 0
        assert (vault.opens(AT, credential), vault.opens(AT, credential, 2)) == (key, newer)
        (keys,) = vault.stores.keyring.epochs(AT.organization)
        assert [pair.suite for pair in keys.pairs] == [1, 2, 200]
