"""Opening puts the key into the caller's slot, or leaves zeros there and one error."""

import mmap
import traceback
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope import (
    Context,
    EnvelopeError,
    SealingPrivateKey,
    open_into,
    seal,
    suite_of,
    suites,
)
from tests.envelope.vector_values import KEY, changed, example_context

CONTEXT = example_context()
PRIVATES = {suite.id: SealingPrivateKey.generate(suite.id) for suite in suites.SUITES}
ENVELOPES = {number: seal(KEY, private.public, CONTEXT) for number, private in PRIVATES.items()}
PRIVATE, ENVELOPE = PRIVATES[1], ENVELOPES[1]


def each_suite() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("number", PRIVATES, ids=lambda number: suite_of(number).name)


provider_keys = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=20, max_size=510).map(
    lambda text: text.encode("ascii")
)
field_texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
contexts = st.builds(
    Context,
    instance=field_texts,
    organization=field_texts,
    application=field_texts,
    credential=field_texts,
    version=st.integers(1, 2**53 - 1),
    provider=field_texts,
    origin=field_texts,
    key_id=st.binary(min_size=16, max_size=16),
)


def refusal(
    envelope: bytes, private: SealingPrivateKey = PRIVATE, context: Context = CONTEXT
) -> EnvelopeError:
    """The error of an envelope that must not open, after looking at the slot."""
    slot = bytearray(b"\xaa" * 512)
    with pytest.raises(EnvelopeError) as caught:
        open_into(envelope, private, context, memoryview(slot))
    assert not any(slot)
    return caught.value


def told(error: EnvelopeError) -> tuple[object, ...]:
    """Everything that a caller could tell one error from another by."""
    return type(error), str(error), error.args, error.hint, error.code, error.__cause__


@each_suite()
@given(key=provider_keys, context=contexts)
def test_any_key_under_any_context_comes_back(number: int, key: bytes, context: Context) -> None:
    slot, private = bytearray(b"\xaa" * 512), PRIVATES[number]
    length = open_into(seal(key, private.public, context), private, context, memoryview(slot))
    assert slot == len(key).to_bytes(2, "big") + key + bytes(510 - len(key))
    assert length == len(key)


@each_suite()
def test_every_single_bit_of_an_envelope_is_protected(number: int) -> None:
    envelope, private = ENVELOPES[number], PRIVATES[number]
    first = told(refusal(envelope[:-1] + bytes((envelope[-1] ^ 1,)), private))
    slot = memoryview(bytearray(512))
    for position in range(len(envelope) * 8):
        altered = bytearray(envelope)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(EnvelopeError) as caught:
            open_into(altered, private, CONTEXT, slot)
        assert told(caught.value) == first, position


@each_suite()
@given(data=st.data())
def test_any_other_bytes_in_any_place_give_the_one_error(number: int, data: st.DataObject) -> None:
    envelope = bytearray(ENVELOPES[number])
    at = data.draw(st.integers(0, len(envelope) - 1))
    piece = data.draw(st.binary(min_size=1, max_size=len(envelope) - at))
    envelope[at : at + len(piece)] = piece
    if envelope != ENVELOPES[number]:
        refusal(bytes(envelope), PRIVATES[number])


def other_value(value: object) -> object:
    """A value of the same type that is as near as can be."""
    if isinstance(value, int):
        return value + 1
    if isinstance(value, bytes):
        return value[:-1] + bytes((value[-1] ^ 1,))
    assert isinstance(value, str)
    return value[:-1] + chr(ord(value[-1]) ^ 1)


@each_suite()
@pytest.mark.parametrize("field", [field.name for field in fields(Context)])
def test_every_context_field_is_bound(number: int, field: str) -> None:
    envelope, private = ENVELOPES[number], PRIVATES[number]
    first = told(refusal(envelope[:-1] + bytes((envelope[-1] ^ 1,)), private))
    other = changed(CONTEXT, field, other_value(getattr(CONTEXT, field)))
    assert told(refusal(envelope, private, other)) == first


@each_suite()
@given(contexts=st.tuples(contexts, contexts))
def test_an_envelope_opens_under_its_own_context_alone(
    number: int, contexts: tuple[Context, Context]
) -> None:
    mine, other = contexts
    if mine != other:
        refusal(seal(KEY, PRIVATES[number].public, mine), PRIVATES[number], other)


@given(first=contexts, second=contexts)
def test_different_contexts_never_bind_the_same_bytes(first: Context, second: Context) -> None:
    one, other = suites.SUITES
    assert (first.info(one) == second.info(one)) == (first == second)
    assert first.info(one) != second.info(other)


@given(junk=st.binary(max_size=700))
def test_junk_gives_the_one_error(junk: bytes) -> None:
    refusal(junk)
    refusal(ENVELOPE[:18] + junk)


def test_another_private_key_does_not_open_it() -> None:
    refusal(ENVELOPE, private=SealingPrivateKey.generate())


def test_a_private_key_opens_envelopes_of_its_own_suite_alone() -> None:
    refusal(ENVELOPES[2], private=PRIVATES[1])
    refusal(ENVELOPES[1], private=PRIVATES[2])


def test_the_refusal_shows_nothing_in_its_traceback() -> None:
    error = refusal(ENVELOPE[:60] + bytes(518))
    assert "InvalidTag" not in "".join(traceback.format_exception(error))


@each_suite()
def test_our_envelope_is_what_the_library_opens(number: int) -> None:
    suite = suite_of(number)
    sealed, private = ENVELOPES[number][18:], PRIVATES[number]
    plaintext = suite.library().decrypt(sealed, private.handle(), info=CONTEXT.info(suite))
    assert plaintext == len(KEY).to_bytes(2, "big") + KEY + bytes(510 - len(KEY))


def test_a_slot_may_be_locked_memory_anywhere() -> None:
    with mmap.mmap(-1, mmap.PAGESIZE) as page, memoryview(page) as whole, whole[1024:1536] as slot:
        length = open_into(memoryview(ENVELOPE), PRIVATE, CONTEXT, slot)
        assert bytes(slot[2 : 2 + length]) == KEY
        assert not any(whole[:1024])
        assert not any(whole[1536:])


def wrong_slots() -> Iterator[tuple[str, Callable[[], memoryview]]]:
    yield "short", lambda: memoryview(bytearray(511))
    yield "long", lambda: memoryview(bytearray(513))
    yield "read-only", lambda: memoryview(bytes(512))
    yield "strided", lambda: memoryview(bytearray(1024))[::2]
    yield "of-words", lambda: memoryview(bytearray(512)).cast("I")


@pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in wrong_slots()])
def test_a_slot_that_does_not_fit_is_the_callers_fault(make: Callable[[], memoryview]) -> None:
    with pytest.raises(ValueError, match="a slot is 512 writable bytes") as caught:
        open_into(ENVELOPE, PRIVATE, CONTEXT, make())
    assert not isinstance(caught.value, EnvelopeError)


@each_suite()
def test_no_bytes_of_the_key_are_made_while_opening(number: int) -> None:
    """The library decrypts into the slot itself; its `decrypt`, which returns bytes, is never called."""
    calls: list[memoryview] = []

    class Watched:
        def __init__(self, key: bytes) -> None:
            self._real = AESGCM(key)

        def decrypt_into(self, nonce: bytes, data: memoryview, aad: None, buffer: memoryview) -> int:
            calls.append(buffer)
            return self._real.decrypt_into(nonce, data, aad, buffer)

    suite = suite_of(number)
    watched = replace(suite, aead=replace(suite.aead, cipher=cast(Any, Watched)))
    private = SealingPrivateKey(PRIVATES[number].handle(), watched)
    slot = memoryview(bytearray(512))
    open_into(ENVELOPES[number], private, CONTEXT, slot)
    assert calls == [slot]
    assert calls[0].obj is slot.obj
