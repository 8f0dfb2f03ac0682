"""Receipts: anybody with the public key can check one, and nothing but a whole one passes."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from sealgate.vault.faults import AlarmError
from sealgate.vault.receipts import Receipt, ReceiptError, key_name, key_of, sign, verify
from tests.vault.keks import Ring
from tests.vault.still import StillVault

PRIVATE = Ed25519PrivateKey.generate()
PUBLIC = PRIVATE.public_key().public_bytes_raw()
RECEIPT = Receipt(
    receipt="rcpt_" + "a" * 20,
    instance="inst_" + "a" * 20,
    kind="credential",
    subject="cred_" + "a" * 20,
    organization="org_" + "a" * 20,
    application="app_" + "a" * 20,
    ordered_at="2027-01-15T08:00:00Z",
    erased_at="2027-01-15T08:00:00Z",
    credentials=1,
    versions=0,
    envelopes=(),
    envelopes_digest="",
    sealing_keys_gone_at=None,
    kek_versions=(),
    final_by="2027-02-14T08:00:00Z",
    final_at=None,
    signed_at="2027-01-15T08:00:00Z",
)


def test_a_receipt_comes_back_as_it_was_signed() -> None:
    assert verify(sign(RECEIPT, PRIVATE), PUBLIC) == RECEIPT


def test_another_implementation_of_jws_verifies_a_receipt() -> None:
    key = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key_name(PUBLIC)})
    found = jws.deserialize_json(json.loads(sign(RECEIPT, PRIVATE)), key, algorithms=["Ed25519"])
    assert json.loads(found.payload or b"")["receipt"] == RECEIPT.receipt


@pytest.mark.parametrize("part", ["payload", "protected", "signature"])
def test_no_character_of_a_receipt_can_be_altered(part: str) -> None:
    signed = json.loads(sign(RECEIPT, PRIVATE))
    for place in range(len(signed[part]) - 1):  # the last one has bits that say nothing
        letter = "A" if signed[part][place] != "A" else "B"
        altered = signed | {part: signed[part][:place] + letter + signed[part][place + 1 :]}
        with pytest.raises(ReceiptError):
            verify(json.dumps(altered), PUBLIC)


def test_another_vaults_key_verifies_nothing() -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(ReceiptError, match="another vault"):
        verify(sign(RECEIPT, PRIVATE), other)


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", '{"payload":"*","protected":"*","signature":"*"}', "\udc80"]
)
def test_what_is_no_receipt_is_called_so(text: str) -> None:
    with pytest.raises(ReceiptError):
        verify(text, PUBLIC)


def test_what_the_same_key_signed_for_another_purpose_is_no_receipt() -> None:
    def text(raw: bytes) -> str:
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    payload, protected = text(b"{}"), text(b'{"alg":"Ed25519","kid":"","typ":"JWT"}')
    signature = text(PRIVATE.sign(f"{protected}.{payload}".encode()))
    signed = json.dumps({"payload": payload, "protected": protected, "signature": signature})
    with pytest.raises(ReceiptError, match="no receipt"):
        verify(signed, PUBLIC)


@pytest.mark.parametrize("name", ["", "x", "*" * 43, "A" * 44], ids=["empty", "short", "signs", "long"])
def test_what_is_no_public_key_is_called_so(name: str) -> None:
    with pytest.raises(ReceiptError, match="43 characters"):
        key_of(name)


def test_the_key_is_made_once_and_kept(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        key = vault.erasures.public_key()
        assert key_of(key)
    with StillVault(tmp_path) as again:
        assert again.erasures.public_key() == key


def test_the_private_half_stands_in_no_file_in_the_clear(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        seen: list[bytes] = []
        key = vault.erasures._key
        key.sign(lambda private: seen.append(private.private_bytes_raw()) or "", 0.0)  # type: ignore[func-returns-value]
    for path in (tmp_path / "data").iterdir():
        assert seen[0] not in path.read_bytes()


def test_a_rotation_of_the_kek_wraps_the_receipt_key_anew(tmp_path: Path) -> None:
    with Ring(tmp_path) as ring:
        key = ring.vault.erasures.public_key()
        ring.rotate()
        assert set(ring.counts()) == {ring.ring.version}
        assert ring.vault.erasures.public_key() == key
        assert ring.vault.erasures._key.sign(lambda _private: "signed", 0.0) == "signed"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM receipt_key",
        "UPDATE receipt_key SET made_at = 1",
        "INSERT INTO receipt_key SELECT x'00', ciphertext, wrapped_data_key, kek_version, made_at, mac"
        " FROM receipt_key",
    ],
    ids=["removed", "edited", "planted"],
)
def test_a_receipt_key_that_somebody_touched_signs_nothing(tmp_path: Path, statement: str) -> None:
    with StillVault(tmp_path) as vault:
        vault.erasures.public_key()
        vault.foundation.database._driver.execute(statement)
        with pytest.raises(AlarmError):
            vault.erasures.public_key()


def test_a_receipt_key_whose_secret_does_not_open_raises_an_alarm(tmp_path: Path) -> None:
    with StillVault(tmp_path) as vault:
        vault.erasures.public_key()
        key = vault.erasures._key
        record = key._record()
        assert record is not None
        row = key._rows.row(type(record)(record.public_key, b"0" * 60, *_rest(record)))
        vault.foundation.database._driver.execute(
            "UPDATE receipt_key SET ciphertext = :ciphertext, mac = :mac", dict(row)
        )
        with pytest.raises(AlarmError):
            key.sign(lambda _private: "", 0.0)


def _rest(record: object) -> tuple[bytes, str, float]:
    return (record.wrapped_data_key, record.kek_version, record.made_at)  # type: ignore[attr-defined]
