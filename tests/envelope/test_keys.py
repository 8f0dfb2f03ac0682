"""Handles say which key they are and never what it is."""

import copy
import pickle

import pytest

from sealgate.envelope import SealingPrivateKey, SealingPublicKey


def test_a_private_key_shows_only_its_public_half() -> None:
    private = SealingPrivateKey.generate()
    shown = f"{private!r} {private!s} {private}"
    assert private.dangerously_to_bytes().hex()[:8] not in shown
    assert private.public.raw[:8].hex() in shown


@pytest.mark.parametrize("copying", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_private_key_cannot_be_copied(copying: object) -> None:
    assert callable(copying)
    with pytest.raises(TypeError, match="cannot be copied or pickled"):
        copying(SealingPrivateKey.generate())


def test_a_private_key_survives_its_raw_bytes() -> None:
    private = SealingPrivateKey.generate()
    again = SealingPrivateKey.dangerously_from_bytes(bytearray(private.dangerously_to_bytes()))
    assert again.public == private.public


def test_public_keys_are_equal_by_their_bytes() -> None:
    first, second = SealingPrivateKey.generate().public, SealingPrivateKey.generate().public
    assert first == SealingPublicKey(first.raw)
    assert hash(first) == hash(SealingPublicKey(first.raw))
    assert first != second
    assert first != first.raw


def test_a_public_key_cannot_change() -> None:
    public = SealingPrivateKey.generate().public
    with pytest.raises(AttributeError):
        public.raw = bytes(32)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_a_key_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SealingPublicKey(bytes(size))
    with pytest.raises(ValueError, match="32 bytes"):
        SealingPrivateKey.dangerously_from_bytes(bytes(size))
