"""The allow-list logger: what is not declared cannot be written."""

from __future__ import annotations

import io
import re
import threading
import time

import pytest

from sealgate.ids import is_id, new_id
from sealgate.log import BackgroundStream, Event, Kind, Level, LineLog, NullLog

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


class Stalled(io.StringIO):
    """A stream whose reader has stopped reading."""

    def __init__(self) -> None:
        super().__init__()
        self.reads_again = threading.Event()

    def write(self, text: str, /) -> int:
        self.reads_again.wait(20)
        return super().write(text)


def test_a_stalled_reader_never_stalls_the_one_who_logs_and_drops_are_counted() -> None:
    out = Stalled()
    stream = BackgroundStream(out, queued_lines=5)
    log = LineLog("p", EVENTS, stream)
    for port in range(100):
        log("started", port=port)
    out.reads_again.set()
    end = time.monotonic() + 10
    while "lines.dropped" not in out.getvalue():
        assert time.monotonic() < end
        log("started", port=0)
        time.sleep(0.01)
    stream.close()
    assert re.search(r"warning log lines\.dropped count=\d+\n", out.getvalue())


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    class Full(io.StringIO):
        def write(self, text: str, /) -> int:
            raise OSError(28, "No space left on device")

    stream = BackgroundStream(Full())
    LineLog("p", EVENTS, stream)("started", port=1)
    stream.close()
