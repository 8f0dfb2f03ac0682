"""The allow-list logger: what is not declared cannot be written."""

from __future__ import annotations

import io
import re

import pytest

from sealgate.ids import is_id, new_id
from sealgate.log import Event, Kind, Level, LineLog, NullLog

EVENTS = {
    "started": Event(Level.INFO, {"port": Kind.NUMBER, "ready": Kind.FLAG, "id": Kind.ID, "at": Kind.PATH}),
}


def test_an_event_is_one_line_with_its_fields() -> None:
    out = io.StringIO()
    LineLog("proxy", EVENTS, out)("started", port=8702, ready=True, id="app_x", at="/srv/a b")
    line = out.getvalue()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
        r'info proxy started port=8702 ready=yes id=app_x at="/srv/a b"\n',
        line,
    )


@pytest.mark.parametrize("log", [LineLog("p", EVENTS, io.StringIO()), NullLog(EVENTS)])
def test_an_undeclared_event_or_field_raises(log: LineLog | NullLog) -> None:
    with pytest.raises(KeyError):
        log("surprise")
    with pytest.raises(KeyError):
        log("started", prompt="x")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", "Dear customer, our offer"),
        ("id", "line\nbreak"),
        ("id", "x" * 200),
        ("id", 5),
        ("port", "8702"),
        ("port", True),
        ("ready", 1),
        ("at", "a\x00b"),
    ],
)
def test_a_value_of_the_wrong_kind_raises_and_is_not_quoted(field: str, value: str | int) -> None:
    out = io.StringIO()
    with pytest.raises(TypeError) as caught:
        LineLog("p", EVENTS, out)("started", **{field: value})
    assert str(value) not in str(caught.value)
    assert out.getvalue() == ""


def test_ids_name_their_kind_and_never_repeat() -> None:
    made = {new_id("app") for _ in range(1000)}
    assert len(made) == 1000
    assert all(is_id("app", each) and not is_id("org", each) for each in made)
