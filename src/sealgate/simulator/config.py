"""What a simulator is started with: plain values, checked once.

Its counterpart is `process.run`. It must never hold a provider key: the simulator knows keys by their form.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

_HIGHEST_PORT = 65_535


class SimulatorConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One simulator: where it listens, where its certificates lie, and how fast it writes.

    A port of 0 takes a free one; `control_port=None` opens no control port. `events_per_s=0` does not pace.
    """

    certificate_dir: Path
    listen_host: str = "127.0.0.1"
    listen_port: int = 8705
    control_port: int | None = 8706
    events_per_s: float = 40.0
    slow_first_byte_s: float = 2.0
    drain_s: float = 5.0

    def __post_init__(self) -> None:
        """Refuse values that cannot be meant; raises `ValueError` with a hint."""
        for name, port in (("listen_port", self.listen_port), ("control_port", self.control_port or 0)):
            if not 0 <= port <= _HIGHEST_PORT:
                msg = f"{name} is {port}; hint: use a number from 0 (any free port) to {_HIGHEST_PORT}"
                raise ValueError(msg)
        for name, value in (
            ("events_per_s", self.events_per_s),
            ("slow_first_byte_s", self.slow_first_byte_s),
            ("drain_s", self.drain_s),
        ):
            if value < 0:
                msg = f"{name} is {value}; hint: it cannot be negative"
                raise ValueError(msg)
