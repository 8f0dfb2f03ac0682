"""Fingerprints: the same in digits and words, and nothing shorter passes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.scripts.fingerprints import Fingerprint, fingerprint

KNOWN = Fingerprint(bytes.fromhex("7f000001" + "3f54dcc1" + "0000ffff" + "12345678"))


def test_words_are_the_published_proquints() -> None:
    assert KNOWN.words.startswith("lusab-babad-gutih-tugad")  # Wilkerson 2009, §2: 127.0.0.1, 63.84.220.193


def test_a_fingerprint_is_of_the_key_alone() -> None:
    assert fingerprint(bytes(32)) == fingerprint(bytes(32))
    assert fingerprint(bytes(32)) != fingerprint(bytes(31) + b"\x01")


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
