"""Handles say which key they are and never what it is."""

import copy
import pickle

import pytest

from sealgate.envelope import SUITE_1, SUITE_1P, SealingPrivateKey, SealingPublicKey


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


@pytest.mark.parametrize("suite", [SUITE_1, SUITE_1P])
def test_a_private_key_survives_its_raw_bytes(suite: int) -> None:
    private = SealingPrivateKey.generate(suite)
    again = SealingPrivateKey.dangerously_from_bytes(bytearray(private.dangerously_to_bytes()), suite)
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


@pytest.mark.parametrize(("suite", "size"), [(1, 0), (1, 31), (1, 33), (1, 65), (2, 32), (2, 33), (2, 64)])
def test_a_key_of_another_size_is_refused(suite: int, size: int) -> None:
    with pytest.raises(ValueError, match="bytes, not"):
        SealingPublicKey(bytes(size), suite)
    if size != 32:
        with pytest.raises(ValueError, match="has 32 bytes"):
            SealingPrivateKey.dangerously_from_bytes(bytes(size), suite)


def test_the_same_bytes_under_another_suite_are_another_key() -> None:
    raw = SealingPrivateKey.generate(SUITE_1P).public.raw
    assert SealingPublicKey(raw, SUITE_1P) == SealingPublicKey(raw, SUITE_1P)
    assert repr(SealingPublicKey(raw, SUITE_1P)) == f"SealingPublicKey({raw.hex()}, 2)"


@pytest.mark.parametrize("suite", [0, 3, 255])
def test_a_key_of_an_unknown_suite_is_refused_with_a_hint(suite: int) -> None:
    with pytest.raises(ValueError, match=f"suite {suite} is not known; hint: this release knows 1, 2"):
        SealingPrivateKey.generate(suite)


def test_a_scalar_keeps_its_leading_zeros() -> None:
    raw = bytes(31) + b"\x07"
    assert SealingPrivateKey.dangerously_from_bytes(raw, SUITE_1P).dangerously_to_bytes() == raw
