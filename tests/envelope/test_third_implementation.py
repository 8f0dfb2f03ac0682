"""docs/spec/envelope.md is enough to open envelopes: an opener written from it, on primitives below HPKE.

It shares no line with src/sealgate/envelope or the vectors' reference, and reads the suites from the page.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sealgate.envelope import envelope_bytes
from sealgate.envelope.suites import SUITES
from tests.vectors.reading import Vector, load

PAGE = Path(__file__).parents[2] / "docs" / "spec" / "envelope.md"
_ROW = re.compile(
    r"^\| (\w+) \| (\d+) \| DHKEM\(([\w-]+), HKDF-SHA256\) \(0x(\w{4})\) \| (\d+)"
    r" \| HKDF-SHA256 \(0x(\w{4})\) \| AES-256-GCM \(0x(\w{4})\) \| (\d+) \| (\d+) \|$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Row:
    """A row of the page's table of suites."""

    name: str
    number: int
    curve: str
    kem: bytes
    enc: int
    ids: bytes
    size: int
    letters: int


def row_of(cells: tuple[str, ...]) -> Row:
    name, number, curve, kem, enc, kdf, aead, size, letters = cells
    ids = bytes.fromhex(kem + kdf + aead)
    return Row(name, int(number), curve, ids[:2], int(enc), ids, int(size), int(letters))


ROWS = {row.number: row for row in map(row_of, _ROW.findall(PAGE.read_text(encoding="utf-8")))}


def extract(suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite_id + label + ikm, "sha256")


def expand(suite_id: bytes, prk: bytes, label: bytes, info: bytes, size: int) -> bytes:
    labeled = size.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info
    return hmac.digest(prk, labeled + b"\1", "sha256")[:size]


def agreed(row: Row, private: bytes, enc: bytes) -> bytes:
    if row.curve == "X25519":
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(enc))
    if enc[0] != 4:
        raise ValueError("not uncompressed")
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), enc)
    return ec.derive_private_key(int.from_bytes(private, "big"), ec.SECP256R1()).exchange(ec.ECDH(), point)


def opened(vector: Vector) -> str:
    """The key, or the page's word for why there is none."""
    row, key_id = ROWS[int(vector["suite"])], vector.hex("key_id")
    text = vector["envelope"]
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(raw) != row.size or raw[:18] != bytes((1, row.number)) + key_id:
        return "envelope_invalid"
    names = ("instance", "organization", "application", "credential", "version", "provider", "origin")
    texts = [int(vector[n]).to_bytes(8, "big") if n == "version" else vector[n].encode() for n in names]
    fields = [bytes((row.number,)), *texts, key_id]
    info = b"sealgate envelope v1" + b"".join(len(f).to_bytes(2, "big") + f for f in fields)
    enc, ciphertext = raw[18 : 18 + row.enc], raw[18 + row.enc :]
    kem, whole = b"KEM" + row.kem, b"HPKE" + row.ids
    try:
        prk = extract(kem, b"", b"eae_prk", agreed(row, vector.hex("private_key"), enc))
        shared = expand(kem, prk, b"shared_secret", enc + vector.hex("public_key"), 32)
        hashes = extract(whole, b"", b"psk_id_hash", b"") + extract(whole, b"", b"info_hash", info)
        secret = extract(whole, shared, b"secret", b"")
        key = expand(whole, secret, b"key", b"\0" + hashes, 32)
        nonce = expand(whole, secret, b"base_nonce", b"\0" + hashes, 12)
        slot = AESGCM(key).decrypt(nonce, ciphertext, b"")
    except (InvalidTag, ValueError):
        return "envelope_invalid"
    return checked(slot)


def checked(slot: bytes) -> str:
    length = int.from_bytes(slot[:2], "big")
    if length > 510 or any(slot[2 + length :]):
        return "layout"
    key = slot[2 : 2 + length]
    foreign = next((byte for byte in key if not 0x21 <= byte <= 0x7E), None)
    if foreign is not None:
        words = {0x0A: "line_break", 0x0D: "line_break", 0x20: "space"}
        return words.get(foreign, "non_ascii" if foreign >= 0x80 else "control")
    return ("empty" if not key else "too_short") if length < 20 else key.decode()


@pytest.mark.parametrize("vector", load("envelope"), ids=lambda vector: vector.name)
def test_what_is_written_from_the_page_alone_agrees_with_every_vector(vector: Vector) -> None:
    expected = {"opens": "key", "key_format": "problem", "envelope_invalid": "expect"}[vector["expect"]]
    assert opened(vector) == vector[expected]


@pytest.mark.parametrize("vector", load("fingerprint"), ids=lambda vector: vector.name)
def test_what_is_written_from_the_page_alone_agrees_with_every_fingerprint(vector: Vector) -> None:
    told = b"sealgate sealing keys v1"
    for number in sorted(int(name[6:]) for name in vector.fields if name.startswith("suite_")):
        key = vector.hex(f"suite_{number}")
        told += bytes((number,)) + len(key).to_bytes(2, "big") + key
    found = hashlib.sha256(told).digest()[:16]
    letters = re.search(r"consonants  (.*?)     vowels  (.*)", PAGE.read_text(encoding="utf-8"))
    assert letters is not None
    consonants, vowels = (group.split() for group in letters.groups())
    words = []
    for at in range(0, 16, 2):
        high, low = found[at], found[at + 1]
        first, third, fifth = high >> 4, (high & 3) << 2 | low >> 6, low & 15
        second, fourth = high >> 2 & 3, low >> 4 & 3
        start = consonants[first] + vowels[second] + consonants[third]
        words.append(start + vowels[fourth] + consonants[fifth])
    assert (found.hex(), "-".join(words)) == (vector["hex"], vector["words"])


def test_the_pages_table_is_the_codes() -> None:
    ours = [(each.name, each.id, each.kem.public_bytes, each.suite_id[4:]) for each in SUITES]
    assert [(row.name, row.number, row.enc, row.ids) for row in ROWS.values()] == ours
    assert [row.size for row in ROWS.values()] == [envelope_bytes(each) for each in SUITES]
    assert all(row.letters == -(-row.size * 8 // 6) for row in ROWS.values())
