"""Why the vault does not start or does not do something: each with a stable code and a hint.

Counterpart: `process` shows a `StartError`, `desk` and `opener` turn the others into refusals.
No message in here quotes a key, a ticket or an envelope.
"""

from __future__ import annotations


class StartError(ValueError):
    """The vault refuses to start: a setting, a file or the machine is wrong. `code` is stable."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(f"{message}. hint: {hint}")
        self.code = code
        self.hint = hint


class StorageError(OSError):
    """vault.db (or the KEK) cannot be used now: disk full, locked, or broken while it was open."""


class RolledBackError(StorageError):
    """A proxy knows a later state of this vault: nothing is changed before the restore ceremony."""


class AlarmError(Exception):
    """A row was edited, planted, removed or restored outside the vault. `what` names its table."""

    def __init__(self, what: str, subject: str) -> None:
        super().__init__(f"{what} of {subject} does not verify")
        self.what = what
        self.subject = subject
