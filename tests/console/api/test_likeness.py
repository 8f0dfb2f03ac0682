"""An unknown field is answered with the one that was meant, found where it was written."""

from __future__ import annotations

import pytest

from sealgate.console.api.bodies import ApplicationWanted
from sealgate.console.api.likeness import hint_for, known_fields

PLACES = {
    "": "origins",
    "policy": "allow_unknown_fields",
    "policy.limits": "requests_per_minute",
    "policy.actions[1]": "instructions",
    "policy.actions[0].parameters[2].choices[0]": "value",
    "session_keys[0]": "public_key",
    "policy.prompt": "model",
}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place or "top")
def test_the_fields_of_each_place_are_known(place: str) -> None:
    assert PLACES[place] in known_fields(ApplicationWanted, place)


@pytest.mark.parametrize("place", ["nowhere", "name", "name.deeper", "origins[0]", "policy[0]"])
def test_where_no_object_stands_there_are_none(place: str) -> None:
    assert known_fields(ApplicationWanted, place) == []


def test_the_hint_names_the_one_that_is_like_it_else_all() -> None:
    assert hint_for("origin", ["name", "origins"]) == "Did you mean 'origins'?"
    assert hint_for("colour", ["name", "origins"]) == "Known here: name, origins."
    assert hint_for("colour", []) == "Take it out."
