"""Our receiving half of HPKE agrees with published vectors and with the library's own HPKE, both ways."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict, cast

import cryptography_vectors
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope import SealingPrivateKey, SealingPublicKey, Suite, curves
from sealgate.envelope.hpke import AeadKey, decapsulate, schedule, schedule_context
from sealgate.envelope.suites import AES_256_GCM, HKDF_SHA256, P256, SUITES, X25519, Aead
from tests.vectors import reference

KEMS = {kem.id: kem for kem in (X25519, P256)}
AEADS = {
    1: Aead(1, AEAD.AES_128_GCM, AESGCM, 16),
    2: AES_256_GCM,
    3: Aead(3, AEAD.CHACHA20_POLY1305, ChaCha20Poly1305, 32),
}
REFERENCES = {1: reference.SUITE_1, 2: reference.SUITE_1P}


class Sealed(TypedDict):
    """One message of a published vector."""

    aad: str
    ct: str
    pt: str


class Published(TypedDict):
    """What we read of a published vector; all but the numbers is hexadecimal."""

    mode: int
    kem_id: int
    kdf_id: int
    aead_id: int
    info: str
    skRm: str
    pkRm: str
    enc: str
    shared_secret: str
    key: str
    base_nonce: str
    encryptions: list[Sealed]


def published(name: str) -> list[Published]:
    path = Path(cryptography_vectors.__file__).parent / "HPKE" / name
    return cast(list[Published], json.loads(path.read_text(encoding="ascii")))


def fitting() -> Iterator[Published]:
    """RFC 9180's own vectors (its appendix A names this file), as far as our parts make up their suite."""
    for vector in published("test-vectors.json"):
        if (vector["mode"], vector["kdf_id"]) == (0, HKDF_SHA256.id) and vector["aead_id"] in AEADS:
            yield vector


OURS = [vector for vector in fitting() if vector["kem_id"] in KEMS]


def name_of(vector: Published) -> str:
    return f"kem-{vector['kem_id']:04x}-kdf-{vector['kdf_id']:04x}-aead-{vector['aead_id']:04x}"


def suite_of_vector(vector: Published) -> Suite:
    """A suite of the vector's parts; its number in our table does not matter to HPKE."""
    return Suite(1, name_of(vector), KEMS[vector["kem_id"]], HKDF_SHA256, AEADS[vector["aead_id"]])


def private_of(vector: Published) -> SealingPrivateKey:
    """The vector's private key, of the suite of ours with its KEM."""
    (suite,) = (suite for suite in SUITES if suite.kem.id == vector["kem_id"])
    return SealingPrivateKey.dangerously_from_bytes(bytes.fromhex(vector["skRm"]), suite.id)


@pytest.mark.parametrize("vector", OURS, ids=name_of)
def test_decapsulation_agrees_with_the_rfcs_vectors(vector: Published) -> None:
    private = private_of(vector)
    assert private.public == SealingPublicKey(bytes.fromhex(vector["pkRm"]), private.suite.id)
    assert private.dangerously_to_bytes().hex() == vector["skRm"]
    assert decapsulate(bytes.fromhex(vector["enc"]), private).hex() == vector["shared_secret"]


@pytest.mark.parametrize("vector", OURS, ids=name_of)
def test_the_key_schedule_agrees_with_the_rfcs_vectors_and_opens_their_first_message(
    vector: Published,
) -> None:
    suite = suite_of_vector(vector)
    context = schedule_context(suite, bytes.fromhex(vector["info"]))
    aead = schedule(suite, bytes.fromhex(vector["shared_secret"]), context)
    assert (aead.key.hex(), aead.nonce.hex()) == (vector["key"], vector["base_nonce"])
    first = vector["encryptions"][0]
    sealed = bytes.fromhex(first["ct"])
    opened = bytearray(len(sealed) - 16)
    suite.aead.cipher(aead.key).decrypt_into(aead.nonce, sealed, bytes.fromhex(first["aad"]), opened)
    assert opened.hex() == first["pt"]


def test_every_suite_of_ours_has_a_vector_of_the_rfc() -> None:
    shown = {(vector["kem_id"], vector["aead_id"]) for vector in OURS}
    assert {(suite.kem.id, suite.aead.id) for suite in SUITES} <= shown


def both() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)


@both()
@given(plaintext=st.binary(max_size=600), info=st.binary(max_size=300))
def test_what_the_library_seals_we_decrypt(suite: Suite, plaintext: bytes, info: bytes) -> None:
    private = SealingPrivateKey.generate(suite.id)
    sealed = suite.library().encrypt(plaintext, private.public.handle(), info=info)
    enc, ciphertext = sealed[: suite.kem.public_bytes], sealed[suite.kem.public_bytes :]
    aead = schedule(suite, decapsulate(enc, private), schedule_context(suite, info))
    assert AESGCM(aead.key).decrypt(aead.nonce, ciphertext, None) == plaintext


@both()
@given(
    plaintext=st.binary(max_size=600),
    info=st.binary(max_size=300),
    ephemeral=st.binary(min_size=31, max_size=31).filter(any),
)
def test_what_the_reference_seals_the_library_opens(
    suite: Suite, plaintext: bytes, info: bytes, ephemeral: bytes
) -> None:
    private, told = SealingPrivateKey.generate(suite.id), REFERENCES[suite.id]
    steps = reference.steps(told, b"\x00" + ephemeral, private.public.raw, info)
    enc_and_ciphertext = reference.seal(steps, bytes(16), plaintext)[18:]
    assert suite.library().decrypt(enc_and_ciphertext, private.handle(), info=info) == plaintext


BAD_POINTS = {
    "of low order": (1, bytes(32)),
    "off the curve": (2, b"\x04" + bytes(31) + b"\x01" + bytes(31) + b"\x01"),
    "at infinity": (2, bytes(65)),
    "of another length": (2, b"\x04" + bytes(63)),
}


@pytest.mark.parametrize(("number", "enc"), BAD_POINTS.values(), ids=BAD_POINTS)
def test_a_point_that_no_honest_sealer_sends_is_refused(number: int, enc: bytes) -> None:
    private = SealingPrivateKey.generate(number)
    with pytest.raises(ValueError):  # noqa: PT011 - the messages are the library's
        decapsulate(enc, private)


def test_keys_of_two_curves_exchange_nothing() -> None:
    private, public = SealingPrivateKey.generate(1), SealingPrivateKey.generate(2).public
    with pytest.raises(ValueError, match="two curves"):
        curves.exchange(private.handle(), public.handle())


def test_the_derived_key_has_no_repr() -> None:
    assert repr(AeadKey(b"k" * 32, b"n" * 12)) == "<AeadKey>"
