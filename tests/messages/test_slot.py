"""The slot: one place for a key, and nothing left of it."""

from __future__ import annotations

import copy
import pickle

import pytest

from sealgate.messages.slot import Slot, SlotArena, SlotError


def filled(arena: SlotArena, key: bytes) -> Slot:
    slot = arena.take()
    slot.buffer()[: 2 + len(key)] = len(key).to_bytes(2, "big") + key
    return slot


def test_a_slot_gives_a_view_of_its_key_not_a_copy() -> None:
    slot = filled(SlotArena(), b"k" * 40)
    view = slot.key()
    assert bytes(view) == b"k" * 40
    slot.wipe()
    assert bytes(view) == bytes(40)


def test_a_wiped_slot_is_all_zeros_when_it_is_taken_again() -> None:
    arena = SlotArena()
    filled(arena, b"k" * 510).wipe()
    slots = [arena.take() for _ in range(8)]
    assert all(bytes(slot.buffer()) == bytes(512) for slot in slots)


def test_a_wiped_slot_refuses_to_be_read_and_may_be_wiped_again() -> None:
    slot = filled(SlotArena(), b"k" * 40)
    slot.wipe()
    slot.wipe()
    with pytest.raises(SlotError):
        slot.key()


@pytest.mark.parametrize("length", [0, 511, 65535])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    slot = SlotArena().take()
    slot.buffer()[:2] = length.to_bytes(2, "big")
    with pytest.raises(SlotError):
        slot.key()


def test_slots_never_share_bytes() -> None:
    arena = SlotArena()
    slots = [filled(arena, bytes([index]) * 510) for index in range(20)]
    assert [bytes(slot.key())[:1] for slot in slots] == [bytes([index]) for index in range(20)]


def test_a_slot_has_no_text_form_and_cannot_be_copied_or_pickled() -> None:
    slot = filled(SlotArena(), b"sk-very-secret-very-secret")
    assert repr(slot) == str(slot) == "<Slot in use>"
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(slot)
