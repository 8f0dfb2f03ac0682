"""Our receiving half of HPKE agrees with published vectors and with the library's own HPKE, both ways."""

import json
from pathlib import Path
from typing import TypedDict, cast

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM
from cryptography.hazmat.primitives.hpke import Suite as LibrarySuite
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope.hpke import X25519_SHA256_AES256GCM, AeadKey, Suite, decapsulate, schedule
from tests.vectors import reference

X25519 = 0x0020
HKDF_SHA256 = 0x0001
KEY_BYTES = {0x0001: 16, 0x0002: 32, 0x0003: 32}


class Published(TypedDict):
    """What we read of a published vector; all but the numbers is hexadecimal."""

    mode: int
    kem_id: int
    kdf_id: int
    aead_id: int
    info: str
    skRm: str
    enc: str
    shared_secret: str
    suite_id: str
    key: str
    base_nonce: str


def published() -> list[Published]:
    path = Path(cryptography_vectors.__file__).parent / "HPKE" / "hpke-pq-test-vectors.json"
    return cast(list[Published], json.loads(path.read_text(encoding="ascii")))


def name_of(vector: Published) -> str:
    return f"kem-{vector['kem_id']:04x}-kdf-{vector['kdf_id']:04x}-aead-{vector['aead_id']:04x}"


@pytest.mark.parametrize("vector", [v for v in published() if v["kem_id"] == X25519], ids=name_of)
def test_decapsulation_agrees_with_published_vectors(vector: Published) -> None:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["skRm"]))
    assert decapsulate(bytes.fromhex(vector["enc"]), private).hex() == vector["shared_secret"]


@pytest.mark.parametrize("vector", [v for v in published() if v["kdf_id"] == HKDF_SHA256], ids=name_of)
def test_the_key_schedule_agrees_with_published_vectors(vector: Published) -> None:
    assert vector["mode"] == 0
    suite = Suite(vector["kem_id"], vector["kdf_id"], vector["aead_id"], KEY_BYTES[vector["aead_id"]])
    assert suite.suite_id.hex() == vector["suite_id"]
    aead = schedule(suite, bytes.fromhex(vector["shared_secret"]), bytes.fromhex(vector["info"]))
    assert (aead.key.hex(), aead.nonce.hex()) == (vector["key"], vector["base_nonce"])


def test_some_published_vectors_were_there() -> None:
    vectors = published()
    assert any(vector["kem_id"] == X25519 for vector in vectors)
    assert sum(vector["kdf_id"] == HKDF_SHA256 for vector in vectors) >= 4


@given(plaintext=st.binary(max_size=600), info=st.binary(max_size=300))
def test_what_the_library_seals_we_decrypt(plaintext: bytes, info: bytes) -> None:
    private = X25519PrivateKey.generate()
    library = LibrarySuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    sealed = library.encrypt(plaintext, private.public_key(), info=info)
    aead = schedule(X25519_SHA256_AES256GCM, decapsulate(sealed[:32], private), info)
    assert AESGCM(aead.key).decrypt(aead.nonce, sealed[32:], None) == plaintext


@given(
    plaintext=st.binary(max_size=600),
    info=st.binary(max_size=300),
    ephemeral=st.binary(min_size=32, max_size=32),
)
def test_what_the_reference_seals_the_library_opens(plaintext: bytes, info: bytes, ephemeral: bytes) -> None:
    private = X25519PrivateKey.generate()
    steps = reference.steps(ephemeral, private.public_key().public_bytes_raw(), info)
    enc_and_ciphertext = reference.seal(steps, bytes(16), plaintext)[18:]
    library = LibrarySuite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    assert library.decrypt(enc_and_ciphertext, private, info=info) == plaintext


def test_a_point_of_low_order_is_refused() -> None:
    with pytest.raises(ValueError, match="shared key"):
        decapsulate(bytes(32), X25519PrivateKey.generate())


def test_the_derived_key_has_no_repr() -> None:
    assert repr(AeadKey(b"k" * 32, b"n" * 12)) == "<AeadKey>"
