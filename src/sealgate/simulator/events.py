"""Every line that the simulator may write to its log; it must never carry a prompt, an answer or a key."""

from __future__ import annotations

from sealgate.log import Event, EventTable, Kind, Level

EVENTS: EventTable = {
    "started": Event(
        Level.INFO,
        {"host": Kind.ID, "port": Kind.NUMBER, "control_port": Kind.NUMBER, "authority": Kind.PATH},
        "Ready. Whoever calls it must trust the authority's certificate.",
    ),
    "call_ended": Event(
        Level.DEBUG,
        {"request": Kind.ID, "status": Kind.NUMBER, "ended_by": Kind.ID, "events": Kind.NUMBER},
        "One call ended; `client_left` means that the caller closed the connection first.",
    ),
    "stopped": Event(Level.INFO, {"calls": Kind.NUMBER}, "Drained and closed."),
}
