"""What the doctor found: one row per thing that was looked at.

Counterpart: `examination`. A finding quotes paths, ports and dates, never a secret.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from sealgate.settings import Settings


class State(StrEnum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"
    SKIPPED = "skipped"
    """Could not be looked at from here; the hint says how it can."""


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    check: str
    state: State
    message: str
    hint: str = ""


class Case(Struct, frozen=True):
    """What every check is given."""

    settings: Settings
    now_s: float
    egress: bool
    """True if it may connect to providers."""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, State.OK, message)


def warning(check: str, message: str, hint: str) -> Finding:
    """It works now, and may not later."""
    return Finding(check, State.WARNING, message, hint)


def problem(check: str, message: str, hint: str) -> Finding:
    """It does not work, or is not safe."""
    return Finding(check, State.PROBLEM, message, hint)


def skipped(check: str, message: str, hint: str) -> Finding:
    """It could not be looked at."""
    return Finding(check, State.SKIPPED, message, hint)
