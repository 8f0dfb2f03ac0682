"""Our envelope agrees with the text vectors, and the vectors with the tables that they are written from."""

import base64

import pytest

from sealgate.envelope import (
    EnvelopeError,
    KeyFormatError,
    SealingPublicKey,
    check_provider_key,
    decode_text,
    open_into,
)
from sealgate.envelope.hpke import decapsulate, schedule, schedule_context
from sealgate.envelope.layout import split
from tests.envelope.vector_values import context_of, private_of
from tests.vectors import generate
from tests.vectors.reading import VECTORS, Vector, load

ENVELOPES = load("envelope")
OPENING = [vector for vector in ENVELOPES if vector["expect"] == "opens"]
REFUSED = [vector for vector in ENVELOPES if vector["expect"] == "envelope_invalid"]
NO_KEY = [vector for vector in ENVELOPES if vector["expect"] == "key_format"]
PROVIDER_KEYS = load("provider_key")


def name_of(vector: Vector) -> str:
    return vector.name


@pytest.mark.parametrize("vector", OPENING, ids=name_of)
def test_a_good_envelope_gives_its_key(vector: Vector) -> None:
    slot = bytearray(512)
    length = open_into(
        decode_text(vector["envelope"]), private_of(vector), context_of(vector), memoryview(slot)
    )
    assert bytes(slot[2 : 2 + length]) == vector["key"].encode()
    assert not any(slot[2 + length :])


@pytest.mark.parametrize("vector", OPENING, ids=name_of)
def test_every_step_on_the_way_is_as_the_vector_says(vector: Vector) -> None:
    context, private = context_of(vector), private_of(vector)
    suite = private.suite
    assert private.public == SealingPublicKey(vector.hex("public_key"), suite.id)
    assert context.info(suite) == vector.hex("info")
    enc = bytes(split(decode_text(vector["envelope"]), suite).enc)
    shared_secret = decapsulate(enc, private)
    assert shared_secret == vector.hex("shared_secret")
    aead = schedule(suite, shared_secret, schedule_context(suite, context.info(suite)))
    assert aead == (vector.hex("aead_key"), vector.hex("nonce"))


@pytest.mark.parametrize("vector", REFUSED, ids=name_of)
def test_every_alteration_gives_the_one_envelope_error(vector: Vector) -> None:
    slot = bytearray(b"\xaa" * 512)
    with pytest.raises(EnvelopeError) as caught:
        open_into(unbase64(vector["envelope"]), private_of(vector), context_of(vector), memoryview(slot))
    assert str(caught.value) == "The envelope does not open."
    assert not any(slot)


def unbase64(text: str) -> bytes:
    """The bytes, also of what the text form itself would refuse: opening must not rely on it."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_both_suites_have_the_same_vectors() -> None:
    special = {*generate.ALTERED_1, *generate.ALTERED_1P}
    names = {
        prefix: {v.name.removeprefix("1p-") for v in ENVELOPES if v.name.startswith("1p-") is prefix}
        - special
        for prefix in (False, True)
    }
    assert names[False] == names[True]


@pytest.mark.parametrize("vector", NO_KEY, ids=name_of)
def test_a_sealed_text_that_is_no_key_is_named_and_wiped(vector: Vector) -> None:
    slot = bytearray(b"\xaa" * 512)
    with pytest.raises(KeyFormatError) as caught:
        open_into(decode_text(vector["envelope"]), private_of(vector), context_of(vector), memoryview(slot))
    assert caught.value.reason == vector["problem"]
    assert not any(slot)


@pytest.mark.parametrize("vector", load("text"), ids=name_of)
def test_an_envelope_has_one_spelling(vector: Vector) -> None:
    with pytest.raises(EnvelopeError):
        decode_text(vector["text"])


@pytest.mark.parametrize("vector", PROVIDER_KEYS, ids=name_of)
def test_the_key_gate_answers_as_the_vector_says(vector: Vector) -> None:
    key = vector.hex("key_hex")
    if vector["expect"] == "fits":
        check_provider_key(key)
        return
    with pytest.raises(KeyFormatError) as caught:
        check_provider_key(key)
    assert caught.value.reason == vector["problem"]


def test_every_problem_of_a_key_has_a_vector() -> None:
    shown = {vector["problem"] for vector in (*NO_KEY, *PROVIDER_KEYS) if vector["expect"] == "key_format"}
    assert shown == set(KeyFormatError.REASONS)


def test_the_files_are_what_the_tables_write() -> None:
    written = {f"{path}.txt": generate.written(about, fields) for path, about, fields in generate.generate()}
    found = {
        str(path.relative_to(VECTORS)): path.read_text(encoding="utf-8") for path in VECTORS.glob("*/*.txt")
    }
    assert found == written
