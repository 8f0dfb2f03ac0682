"""Where traces and metrics are sent: plain values, checked once. Nothing is sent where none is named.

Counterparts: `sealgate.settings` makes it, `telemetry.py` uses it. Holds no secret, a path of one.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sealgate.listening.peers import is_loopback

_ENDPOINT = re.compile(
    r"(https?)://((?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)|\[[0-9a-f:.]+\]):([0-9]{1,5})((?:/[A-Za-z0-9._~-]+)*)"
)
_HINT = "hint: write https://collector.example:4318, or http://127.0.0.1:4318 for one on this machine"


class Collector(msgspec.Struct, frozen=True):
    """An address, taken apart."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def told(self) -> str:
        """For the log."""
        return f"{self.host}:{self.port}"


class TelemetryConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One collector; raises `ValueError` with a hint for what cannot be meant."""

    endpoint: str
    headers_file: Path | None = None
    """Lines `name: value` for the collector, such as its token; read at each delivery."""
    ca_file: Path | None = None
    traces: float = 1.0
    """The part of exchanges that leaves a span."""
    metrics_every_s: float = 15.0
    spans_every_s: float = 2.0
    timeout_s: float = 5.0

    def __post_init__(self) -> None:
        """Check every value."""
        parse_collector(self.endpoint)
        if not 0 <= self.traces <= 1:
            raise ValueError("telemetry.traces must be from 0 to 1. hint: 0.1 keeps every tenth exchange")
        if not (self.metrics_every_s > 0 and self.spans_every_s > 0 and self.timeout_s > 0):
            raise ValueError("telemetry.metrics_every_s must be more than 0. hint: 15 is usual")


def parse_collector(endpoint: str) -> Collector:
    """Take an address apart; raises `ValueError`. In the clear only to this machine: spans name customers."""
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 0 < int(match[3]) < 65_536:
        shown = "the address" if "@" in endpoint else repr(endpoint)
        raise ValueError(f"telemetry.endpoint: {shown} is no collector's address. {_HINT}")
    host = match[2].strip("[]")
    if match[1] == "http" and not (host == "localhost" or is_loopback(host)):
        raise ValueError(
            f"telemetry.endpoint {endpoint!r} would be in the clear beyond this machine. {_HINT}"
        )
    return Collector(match[1] == "https", host, int(match[3]), match[4])
