"""What a visitor typed, and what is wrong with it.

Every value is text until a service has checked it; an `InputError` names the field and says what to type.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

NAME_LIMIT = 80


class InputError(ValueError):
    """Something that was typed cannot be used. `message` says why, `hint` what to do; both are shown."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.message = message
        self.hint = hint


class Form:
    """The fields of a posted form, in the order in which they came."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)

    def text(self, field: str) -> str:
        """The first value of a field without white space around it; empty if it did not come."""
        return next((value.strip() for name, value in self._pairs if name == field), "")

    def untouched(self, field: str) -> str:
        """The first value exactly as typed: for passwords."""
        return next((value for name, value in self._pairs if name == field), "")

    def texts(self, field: str) -> tuple[str, ...]:
        """Every value of a field."""
        return tuple(value.strip() for name, value in self._pairs if name == field)

    def number(self, field: str, label: str, least: int, most: int) -> int:
        """A whole number in a range; raises `InputError`."""
        text = self.text(field)
        if not (text.isascii() and text.isdecimal() and len(text) < 12 and least <= int(text) <= most):
            raise InputError(
                field, f"{label} cannot be {text!r}.", f"Type a whole number from {least:,} to {most:,}."
            )
        return int(text)

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Everything, to carry a form through a question in between."""
        return self._pairs


def check_name(field: str, text: str, what: str) -> str:
    """A name for people: 1 to 80 characters on one line; raises `InputError`."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise InputError(field, f"{what} needs a name.", "Type one to eighty characters.")
    if len(name) > NAME_LIMIT:
        raise InputError(field, f"This name has {len(name)} characters.", f"Use at most {NAME_LIMIT}.")
    if not name.isprintable():
        raise InputError(field, "This name has characters that cannot be shown.", "Type it by hand.")
    return name
