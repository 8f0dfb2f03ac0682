"""How a command of these ends when it cannot do what it should, and with which exit code.

A message is one line and never quotes a token or a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """Exit codes; those from 64 up are sysexits.h's."""

    DONE = 0
    FAILED = 1
    DIFFERENCE = 2
    USAGE = 64
    DATA = 65
    UNAVAILABLE = 69
    CONFLICT = 75
    NOT_ALLOWED = 77
    CONFIGURATION = 78


EXITS: Final[Mapping[Exit, str]] = {
    Exit.DONE: "done; with `apply --plan`: there is no difference",
    Exit.FAILED: "the console or the vault refused; `status`: vault or proxies are not connected",
    Exit.DIFFERENCE: "`apply --plan`: there is a difference",
    Exit.USAGE: "the command was not written right",
    Exit.DATA: "the file, the key or an option's value cannot be used; nothing was changed",
    Exit.UNAVAILABLE: "console or vault cannot be reached, or do not answer as they should",
    Exit.CONFLICT: "somebody else changed the same application meanwhile; run it again",
    Exit.NOT_ALLOWED: "the token does not work, or not for this; or the fingerprint was not confirmed; or an"
    " administrator must approve first",
    Exit.CONFIGURATION: "no token, or a file that cannot be read",
}


class ScriptError(Exception):
    """The command ends here. `hint` says what to do next."""

    def __init__(self, exit_code: Exit, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} hint: {self.hint}" if self.hint else self.message
