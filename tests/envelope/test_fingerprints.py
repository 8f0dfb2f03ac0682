"""Fingerprints: the same in digits and words, and nothing shorter passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.envelope import Fingerprint, fingerprint
from tests.vectors.reading import Vector, load

KNOWN = Fingerprint(bytes.fromhex("7f000001" + "3f54dcc1" + "0000ffff" + "12345678"))


def test_words_are_the_published_proquints() -> None:
    assert KNOWN.words.startswith("lusab-babad-gutih-tugad")  # Wilkerson 2009, §2: 127.0.0.1, 63.84.220.193


@pytest.mark.parametrize("vector", load("fingerprint"), ids=lambda vector: vector.name)
def test_a_fingerprint_is_as_the_vector_says(vector: Vector) -> None:
    keys = [(suite, vector.hex(f"suite_{suite}")) for suite in (2, 1) if f"suite_{suite}" in vector.fields]
    found = fingerprint(keys)
    assert (found.raw.hex(), found.words) == (vector["hex"], vector["words"])


KEYS = [(1, bytes(32)), (2, bytes(65))]
OTHERS = {
    "another key": [(1, bytes(31) + b"\x01"), (2, bytes(65))],
    "another suite": [(1, bytes(32)), (3, bytes(65))],
    "one key less": [(1, bytes(32))],
    "one key more": [*KEYS, (3, bytes(32))],
    "a moved border": [(1, bytes(33)), (2, bytes(64))],
}


@pytest.mark.parametrize("others", OTHERS.values(), ids=OTHERS)
def test_a_fingerprint_is_of_every_key_and_its_suite(others: list[tuple[int, bytes]]) -> None:
    assert fingerprint(KEYS) == fingerprint(reversed(KEYS)) != fingerprint(others)


@pytest.mark.parametrize(
    "written",
    [KNOWN.words, KNOWN.words.upper(), KNOWN.words.replace("-", " "), KNOWN.hexadecimal, KNOWN.raw.hex()],
    ids=["words", "capitals", "spaces", "groups", "digits"],
)
def test_it_fits_however_it_is_written(written: str) -> None:
    assert KNOWN.fits(written)


@pytest.mark.parametrize("written", ["", KNOWN.words[:-1], KNOWN.words[:11], KNOWN.raw.hex()[:16], "x" * 40])
def test_a_part_of_it_does_not_fit(written: str) -> None:
    assert not KNOWN.fits(written)


@given(st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16))
def test_two_fingerprints_never_share_words(one: bytes, other: bytes) -> None:
    assert (Fingerprint(one).words == Fingerprint(other).words) == (one == other)
