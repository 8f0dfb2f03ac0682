"""The outer form of a token: each segment has one spelling, and what a segment holds is what was encoded."""

import base64
import string

import pytest

from sealgate.session import InvalidSession, peek, take_apart
from tests.session.tokens import APPLICATION, HEADER, KID, b64url, signed, token

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")


def test_a_token_is_taken_apart_into_what_was_encoded() -> None:
    parts = take_apart(GOOD)
    assert (parts.unverified.application, parts.unverified.kid) == (APPLICATION, KID)
    assert b64url(parts.payload) == BODY
    assert b64url(parts.signature) == SIGNATURE
    assert parts.signed == f"{HEAD}.{BODY}".encode()


@pytest.mark.parametrize("padding", [b"", b" ", b"  "], ids=["whole", "three", "two"])
def test_of_all_last_characters_of_a_segment_only_those_without_spare_bits_pass(padding: bytes) -> None:
    claims = b'{"app":"' + APPLICATION.encode() + b'"}'
    claims += b" " * (-len(claims) % 3) + padding
    _, segment, _ = signed(str(HEADER).replace("'", '"').encode(), claims).split(".")
    assert len(segment) % 4 == (0, 2, 3)[len(padding)]
    passed = []
    for last in ALPHABET:
        spelt = segment[:-1] + last
        try:
            peek(f"{HEAD}.{spelt}.{SIGNATURE}")
        except InvalidSession:
            continue
        passed.append(spelt)
    canonical = [each for each in passed if b64url(base64.urlsafe_b64decode(each + "===")) == each]
    assert segment in passed
    assert passed == canonical


def test_a_segment_with_one_character_over_is_no_base64() -> None:
    with pytest.raises(InvalidSession):
        peek(f"{HEAD}.{b64url(b'   ') * 9}A.{SIGNATURE}")
