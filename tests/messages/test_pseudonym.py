"""The pseudonym of an end user: the same in vault and proxy, of no use without its key."""

from __future__ import annotations

import re

import pytest

from sealgate.messages.pseudonym import pseudonym, safety_identifier

KEY = bytes(range(32))


def test_a_pseudonym_is_a_fixed_function_of_key_and_subject() -> None:
    # Changing this value would cut every end user off from their recorded usage.
    assert pseudonym(KEY, "user-42") == pseudonym(KEY, "user-42")
    assert re.fullmatch(r"[a-z2-7]{26}", pseudonym(KEY, "user-42"))


@pytest.mark.parametrize("subject", ["", "user-43", "user-42 ", "USER-42", "é", "\ud800", "x" * 10_000])
def test_another_subject_has_another_pseudonym(subject: str) -> None:
    assert pseudonym(KEY, subject) != pseudonym(KEY, "user-42")


def test_another_key_gives_another_pseudonym() -> None:
    assert pseudonym(bytes(32), "user-42") != pseudonym(KEY, "user-42")


def test_the_provider_is_given_another_name_than_usage_records() -> None:
    assert safety_identifier(KEY, "user-42") != pseudonym(KEY, "user-42")


@pytest.mark.parametrize("key", [b"", b"short", bytes(33)])
def test_a_key_of_another_length_is_refused_and_not_quoted(key: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes") as error:
        pseudonym(key, "user-42")
    assert not key or repr(key) not in str(error.value)
