"""Differences, as people read them."""

from __future__ import annotations

from typing import Any

import pytest

from sealgate.scripts.differences import differences

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nothing": ({"name": "a"}, {"name": "a"}, []),
    "ids and versions are not shown": ({"id": "1", "version": 1}, {"id": "2", "version": 2}, []),
    "a value": ({"active": True}, {"active": False}, ["active: true → false"]),
    "within": (
        {"policy": {"limits": {"a": 1, "b": 2}}},
        {"policy": {"limits": {"a": 3, "b": 2}}},
        ["policy.limits.a: 1 → 3"],
    ),
    "a list": ({"origins": ["a", "b"]}, {"origins": ["b", "c"]}, ["origins: − a", "origins: + c"]),
    "an order": ({"models": ["a", "b"]}, {"models": ["b", "a"]}, ["models: order a, b → b, a"]),
    "rows by id": (
        {"actions": [{"id": "x", "model": "m"}, {"id": "y"}]},
        {"actions": [{"id": "x", "model": "n"}]},
        ["actions.x.model: m → n", "actions: − y"],
    ),
    "none": (
        {"prompt": None},
        {"prompt": {"model": "m", "follow_ups": [1]}},
        ["prompt: none → {model: m, follow_ups: [1]}"],
    ),
    "a long text": (
        {"text": "a"},
        {"text": "b\n" * 50},
        [f"text: a → {'b ' * 30}… (100 characters)"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_every_difference_is_one_line(name: str) -> None:
    before, after, lines = CASES[name]
    assert differences(before, after) == lines
