"""The form that every field of every operation must have: ids, names, subjects.

Counterparts: `desk` and `opener`, which check before anything is looked up. A refusal names the field, never
its value.
"""

from __future__ import annotations

from typing import Never

from sealgate.ids import Prefix, is_id
from sealgate.messages.frames import Message, Refusal, RefusedError
from sealgate.messages.opening import OpenRefusal

NAME_LIMIT_CHARS = 200
SUBJECT_LIMIT_BYTES = 512
ORIGIN_LIMIT_CHARS = 300
PROVIDER_LIMIT_CHARS = 32


def check_id(prefix: Prefix, field: str, value: str) -> None:
    """Raise `RefusedError` unless the value is an id of this kind."""
    if not is_id(prefix, value):
        malformed(field, f"it is an id that begins with {prefix}_")


def check_name(field: str, value: str) -> None:
    """Raise `RefusedError` unless the value is a name that can be shown on a page as it is."""
    if not 0 < len(value) <= NAME_LIMIT_CHARS or not value.isprintable() or value != value.strip():
        malformed(field, f"use 1 to {NAME_LIMIT_CHARS} printable characters without spaces at the ends")


def check_destination_names(provider: str, origin: str) -> None:
    """Raise `RefusedError` for names that no destination could have."""
    if not 0 < len(provider) <= PROVIDER_LIMIT_CHARS or not provider.isascii():
        malformed("provider", "use a name that list-destinations gives")
    if not 0 < len(origin) <= ORIGIN_LIMIT_CHARS or not origin.isascii():
        malformed("origin", "use an origin that list-destinations gives")


def check_subject(value: str) -> None:
    """Raise `RefusedError` unless the value can be a host application's reference to an end user."""
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= SUBJECT_LIMIT_BYTES:
        malformed("subject", f"use 1 to {SUBJECT_LIMIT_BYTES} bytes of UTF-8")


def check_version(value: int) -> None:
    """Raise `RefusedError` unless the value can be a credential's version."""
    if not 0 < value < 2**53:
        malformed("version", "versions count from 1")


def check_place(field: str, value: int) -> None:
    """Raise `RefusedError` unless the value can be the place where a page of a list ended."""
    if not 0 <= value < 2**62:
        malformed(field, "give what the page before said, or 0")


def check_time(field: str, value: float) -> None:
    """Raise `RefusedError` unless the value can be a time in Unix seconds."""
    if not 0 <= value < 2**53:  # false for what is no number, too
        malformed(field, "give Unix seconds, or 0")


def shown(prefix: Prefix, request: Message, field: str) -> str:
    """A field of a request for the log: an id of this kind, or nothing. Anything else is not quoted."""
    value = getattr(request, field, "")
    return value if isinstance(value, str) and is_id(prefix, value) else ""


def malformed(field: str, hint: str) -> Never:
    """Refuse a field by its name."""
    raise RefusedError(
        Refusal(code=OpenRefusal.MALFORMED, message=f"{field} is malformed", hint=hint)
    ) from None
