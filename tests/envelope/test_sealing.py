"""Sealing always gives the same size, never the same bytes, and never takes what is no key."""

from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope import (
    SUITE_1P,
    KeyFormatError,
    SealingPrivateKey,
    SealingPublicKey,
    check_provider_key,
    open_into,
    seal,
    seal_slot,
)
from sealgate.envelope.provider_key import Reason
from tests.envelope.vector_values import KEY, example_context
from tests.vectors.reading import Vector, load

PUBLIC = SealingPrivateKey.generate().public
PUBLIC_1P = SealingPrivateKey.generate(SUITE_1P).public
FOREIGN = [vector for vector in load("provider_key") if vector["expect"] == "key_format"]


@given(length=st.integers(20, 510))
def test_the_size_tells_nothing_about_the_key(length: int) -> None:
    assert len(seal(b"k" * length, PUBLIC, example_context())) == 578
    assert len(seal(b"k" * length, PUBLIC_1P, example_context())) == 611


def test_the_same_key_sealed_twice_shares_nothing_but_the_header() -> None:
    first, second = (seal(KEY, PUBLIC, example_context()) for _ in range(2))
    assert first[:18] == second[:18] == b"\x01\x01" + example_context().key_id
    assert first[18:50] != second[18:50]
    assert first[50:] != second[50:]


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_a_key_may_come_in_any_kind_of_memory_and_is_left_as_it_was(
    kind: type[bytes] | type[bytearray] | type[memoryview],
) -> None:
    given_key = kind(KEY)
    seal(given_key, PUBLIC, example_context())
    assert bytes(given_key) == KEY


@pytest.mark.parametrize("vector", FOREIGN, ids=lambda vector: vector.name)
def test_what_is_no_key_is_not_sealed(vector: Vector) -> None:
    with pytest.raises(KeyFormatError) as caught:
        seal(vector.hex("key_hex"), PUBLIC, example_context())
    assert caught.value.reason == vector["problem"]


@given(text=st.binary(max_size=600) | st.text("skAZ09!~", max_size=520).map(str.encode))
def test_the_gate_takes_exactly_the_documented_keys(text: bytes) -> None:
    fits = 20 <= len(text) <= 510 and all(0x21 <= byte <= 0x7E for byte in text)
    with nullcontext() if fits else pytest.raises(KeyFormatError):
        check_provider_key(text)


@pytest.mark.parametrize("reason", KeyFormatError.REASONS)
def test_a_complaint_has_a_hint_and_no_room_to_quote_a_key(reason: Reason) -> None:
    error = KeyFormatError(reason)
    assert str(error).endswith(".")
    assert error.hint.endswith(".")
    assert error.code == "key_format"


def test_a_slot_is_sealed_from_where_it_stands_and_left_as_it_was() -> None:
    private, context = SealingPrivateKey.generate(), example_context()
    slot = memoryview(bytearray(512))
    open_into(seal(KEY, private.public, context), private, context, slot)
    held = bytes(slot)
    again = seal_slot(slot, PUBLIC_1P, context)
    assert bytes(slot) == held
    assert again[:18] == b"\x01\x02" + context.key_id


def test_a_public_key_that_is_no_point_is_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the library's
        seal(KEY, SealingPublicKey(b"\x04" + bytes(64), SUITE_1P), example_context())


def test_a_public_key_of_low_order_is_refused() -> None:
    with pytest.raises(ValueError, match="shared key"):
        seal(KEY, SealingPublicKey(bytes(32)), example_context())
