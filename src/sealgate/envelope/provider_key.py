"""The shape that every provider key must have, checked when it is sealed and again when it is opened.

Its counterpart is `checkProviderKey` in web/shared/envelope.ts, word for word. A key with a line break in it
would be printed by HTTP libraries inside their exceptions, so it must never get that far. No message quotes
a key.
"""

import re
from typing import ClassVar, Final, Literal, get_args

Reason = Literal["empty", "line_break", "space", "control", "non_ascii", "too_short", "too_long", "layout"]

MIN_KEY_BYTES: Final = 20
MAX_KEY_BYTES: Final = 510

_KEY: Final = re.compile(rb"[\x21-\x7e]{20,510}")
_FOREIGN: Final = re.compile(rb"[^\x21-\x7e]")

# reason → what is wrong, what to do
_TEXTS: Final[dict[Reason, tuple[str, str]]] = {
    "empty": ("There is no key.", "Copy the key from the provider's page and paste it here."),
    "line_break": (
        "The key contains a line break.",
        "Copy the key alone, without the end of the line, and paste it again.",
    ),
    "space": ("The key contains a space.", "Copy the key alone, with nothing before, inside or after it."),
    "control": (
        "The key contains an invisible control character.",
        "Copy the key again from the provider's page.",
    ),
    "non_ascii": (
        "The key contains a character that no provider key has.",
        "Copy the key again: keys are plain letters, digits and signs.",
    ),
    "too_short": (
        "The key is too short.",
        f"A key has at least {MIN_KEY_BYTES} characters: copy the whole of it.",
    ),
    "too_long": (
        "The key is too long.",
        f"A key has at most {MAX_KEY_BYTES} characters: copy the key alone.",
    ),
    "layout": (
        "The sealed text is not laid out as a key.",
        "Seal the key again with the sealing page or the command line.",
    ),
}


class KeyFormatError(ValueError):
    """The text is not a possible provider key; `reason` says why, `hint` what to do."""

    code = "key_format"
    REASONS: ClassVar[tuple[Reason, ...]] = get_args(Reason)

    def __init__(self, reason: Reason) -> None:
        message, self.hint = _TEXTS[reason]
        self.reason: Reason = reason
        super().__init__(message)


def check_provider_key(key: bytes | bytearray | memoryview) -> None:
    """Raise KeyFormatError unless the key is 20 to 510 bytes of 0x21 to 0x7e. Copies nothing."""
    if _KEY.fullmatch(key):
        return
    if foreign := _FOREIGN.search(key):
        raise KeyFormatError(_reason_of(key[foreign.start()]))
    if len(key) == 0:
        raise KeyFormatError("empty")
    raise KeyFormatError("too_short" if len(key) < MIN_KEY_BYTES else "too_long")


def _reason_of(byte: int) -> Reason:
    if byte in b"\r\n":
        return "line_break"
    if byte == 0x20:
        return "space"
    return "non_ascii" if byte >= 0x80 else "control"
