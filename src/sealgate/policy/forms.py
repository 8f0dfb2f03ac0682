"""Forms (multipart/form-data, RFC 7578) as a request table sees them: text fields as values, files by row.

Counterparts: `media_fields.py`, the tables; the proxy's `wire/forms.py`, which reads parts and writes them. A
file's bytes pass through here by reference; nothing looks into them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from sealgate.policy.bodies import JSON
from sealgate.policy.checks import Flag, Number, Whole, plain
from sealgate.policy.fields import Field
from sealgate.policy.media_fields import FileRow
from sealgate.policy.refusals import Refusal


class Part(Struct, frozen=True):
    """One part of a form. `filename` is None for a text field; `pieces` are its bytes, in order."""

    name: str
    filename: str | None
    media_type: str
    pieces: tuple[bytes | memoryview, ...]

    @property
    def size_bytes(self) -> int:
        """How long it is."""
        return sum(len(piece) for piece in self.pieces)

    def __repr__(self) -> str:
        return f"<Part {'file' if self.filename is not None else 'text'}, {self.size_bytes} bytes>"


def fields_of(parts: Sequence[Part], table: Mapping[str, Field]) -> dict[str, JSON]:
    """The text fields as the values that they stand for; names that end in `[]` may stand more than once.

    Raises `Refusal` for text that is no UTF-8 and for a name that stands twice.
    """
    fields: dict[str, JSON] = {}
    for part in parts:
        if part.filename is not None:
            continue
        value = _value(_text(part), table.get(part.name))
        if part.name.endswith("[]"):
            listed = fields.setdefault(part.name, [])
            assert isinstance(listed, list)
            listed.append(value)
        elif part.name in fields:
            raise Refusal("invalid_form", f"The field '{plain(part.name)}' stands twice.", plain(part.name))
        else:
            fields[part.name] = value
    return fields


def check_files(parts: Sequence[Part], table: Mapping[str, FileRow]) -> tuple[Part, ...]:
    """The files, if there are as many as the table says, of types that it lists; raises `Refusal`."""
    files = tuple(part for part in parts if part.filename is not None)
    for part in files:
        row = table.get(part.name)
        if row is None:
            raise Refusal(
                "unknown_field",
                f"The field '{plain(part.name)}' is not one that takes a file.",
                plain(part.name),
                f"Send files as: {', '.join(table)}.",
            )
        if part.media_type not in row.types:
            raise Refusal(
                "invalid_value",
                f"A file of the type '{plain(part.media_type)}' does not pass here.",
                part.name,
                f"Use one of: {', '.join(row.types)}.",
            )
        if not part.size_bytes:
            raise Refusal("invalid_value", "This file is empty.", part.name, "Send one that is not.")
    for name, row in table.items():
        count = sum(part.name == name for part in files)
        if count < row.least:
            raise Refusal("missing_field", f"The file '{name}' is missing.", name, "Add it.")
        if count > row.most:
            raise Refusal("invalid_value", f"These are {count} files.", name, f"Send {row.most} at most.")
    return files


def _text(part: Part) -> str:
    try:
        return b"".join(part.pieces).decode()
    except UnicodeDecodeError:
        raise Refusal("invalid_form", "This is not valid UTF-8.", plain(part.name), "Encode it.") from None


def _value(text: str, field: Field | None) -> JSON:
    """What the text stands for where the table wants a number or a flag; what does not fit stays text."""
    check = None if field is None else field.check
    if isinstance(check, Whole) and text.isascii() and text.removeprefix("-").isdigit() and len(text) < 16:
        return int(text)
    if isinstance(check, Number):
        return _number(text)
    if isinstance(check, Flag) and text in ("true", "false"):
        return text == "true"
    return text


def _number(text: str) -> JSON:
    if not text.isascii() or not text.replace(".", "", 1).isdigit() or len(text) > 24:
        return text
    return float(text)
