"""The address of a limit store: what is meant is understood, what cannot be meant is refused with a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.proxy.store_config import Address, StoreConfig, parse_address

GOOD = {
    "unix:///run/valkey/valkey.sock": Address(path="/run/valkey/valkey.sock"),
    "redis://127.0.0.1": Address(host="127.0.0.1"),
    "redis://localhost:7000/3": Address(host="localhost", port=7000, database=3),
    "redis://[::1]:7000": Address(host="::1", port=7000),
    "rediss://counts.example": Address(host="counts.example", tls=True),
}
BAD = {
    "redis://counts.example": "in the clear",
    "redis://10.0.0.5:6379": "in the clear",
    "rediss://ada:secret@counts.example": "password_file",
    "http://127.0.0.1": "no address",
    "unix://run/sock": "no address",
    "rediss://counts.example/x": "no address",
    "rediss://counts.example:99999": "no address",
    "valkey": "no address",
}


@pytest.mark.parametrize("text", GOOD)
def test_an_address_is_taken_apart(text: str) -> None:
    assert parse_address(text) == GOOD[text]


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_meant_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ValueError, match=BAD[text]) as caught:
        StoreConfig(address=text)
    assert "hint:" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_other_values_are_checked_too() -> None:
    with pytest.raises(ValueError, match="timeout_s"):
        StoreConfig(address="redis://localhost", timeout_s=0)
    with pytest.raises(ValueError, match="password_file"):
        StoreConfig(address="redis://localhost", user="sealgate")
    assert StoreConfig(address="redis://localhost", user="sealgate", password_file=Path("/p")).user


def test_each_kind_of_limit_has_its_own_way_while_the_store_is_away() -> None:
    config = StoreConfig(
        address="redis://localhost",
        minutes_while_away="allow",
        streams_while_away="local",
        budgets_while_away="refuse",
    )
    ways = [config.while_away(window) for window in ("minute", "at_once", "day", "month")]
    assert ways == ["allow", "local", "refuse", "refuse"]
