"""Where the audit begins and ends, in a small file beside vault.db: what a cut cannot take along.

Counterpart: `audit`, which moves it on after each batch. A second word stands in the anchor, written at each
start and daily (`witnessed`). Whoever writes this file and vault.db can put back an earlier pair of both, but
none from before the anchor's word.
"""

from __future__ import annotations

import contextlib
import hmac
import os
from pathlib import Path

from msgspec import Struct

from sealgate.vault.audit_rows import START, Link, parse_link
from sealgate.vault.kek_file import sync_folder
from sealgate.vault.rowseal import RowSeal
from sealgate.vault.witness import Witness

HEAD_NAME = "audit-head"
SUBJECT = "audit"
"""What the anchor calls the audit; its state there is a link of the chain."""
_LABEL = "audit-head"


class Head(Struct, frozen=True):
    """`floor` is the newest entry that was removed for its age, `last` the newest of all."""

    floor: Link
    last: Link


class HeadFile:
    """The file."""

    def __init__(self, folder: Path, seal: RowSeal) -> None:
        self._path = folder / HEAD_NAME
        self._seal = seal

    def read(self) -> Head | None:
        """The head; None if the file is missing, cannot be read or is not the vault's."""
        with contextlib.suppress(OSError, ValueError):
            floor, last, mac = self._path.read_text(encoding="ascii").split()
            head = Head(parse_link(floor), parse_link(last))
            if hmac.compare_digest(mac.encode(), self._mac(head).encode()):
                return head
        return None

    def write(self, head: Head) -> None:
        """Put it in place of the old one, durably and in one step; raises `OSError`."""
        draft = self._path.with_name(f"{HEAD_NAME}.draft")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="ascii") as file:
            file.write(f"{head.floor.text()} {head.last.text()} {self._mac(head)}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        sync_folder(self._path.parent)

    def _mac(self, head: Head) -> str:
        return self._seal.mac(_LABEL, ("floor", "last"), (head.floor.text(), head.last.text())).hex()


def witnessed(witness: Witness) -> Link | None:
    """How far the audit had come at the anchor's last word; None before the very first."""
    standing = witness.standing(SUBJECT)
    return None if standing is None else parse_link(standing.state)


def bear_witness(witness: Witness, last: Link) -> None:
    """Have the anchor remember the newest entry; raises `OSError`."""
    standing = witness.standing(SUBJECT)
    with witness.change(SUBJECT, 1 if standing is None else standing.version + 1, last.text()):
        pass


def known_end(head: Head | None, word: Link | None) -> Link:
    """The newest entry that head or anchor know of."""
    return max(START if head is None else head.last, word or START, key=lambda link: link.number)
