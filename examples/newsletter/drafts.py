"""The newsletters that people are writing: kept in memory, one shelf per person, gone with the process.

Its counterpart is the editor page. Every length is bounded, since anybody on this machine can try the demo.
"""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

MOST_DRAFTS: Final = 12
MOST_BLOCKS: Final = 20
MOST_LETTERS: Final = 8_000
_MOST_LINE_LETTERS: Final = 250
_SAMPLES: Final = Path(__file__).with_name("samples.json")


class Draft(Struct, frozen=True):
    """One newsletter: its envelope, its paragraphs and its closing note."""

    id: str
    subject: str
    preheader: str
    blocks: tuple[str, ...]
    closing: str = ""
    saved_at: float = 0

    @property
    def saved_clock(self) -> str:
        """When it was saved, as the page shows it."""
        return time.strftime("%H:%M", time.localtime(self.saved_at))


class DraftShelf:
    """Everybody's drafts; at first each person finds the samples of `samples.json`."""

    def __init__(self) -> None:
        self._samples = msgspec.json.decode(_SAMPLES.read_bytes(), type=dict[str, list[Draft]])
        self._drafts: dict[str, dict[str, Draft]] = {}

    def all_of(self, person: str) -> list[Draft]:
        """A person's drafts, as they were begun."""
        return list(self._of(person).values())

    def get(self, person: str, draft_id: str) -> Draft | None:
        """One draft of this person, or None; nobody reaches another person's."""
        return self._of(person).get(draft_id)

    def begin(self, person: str) -> Draft | None:
        """Begin an empty draft; None when the shelf is full."""
        shelf = self._of(person)
        if len(shelf) >= MOST_DRAFTS:
            return None
        draft = Draft(secrets.token_hex(4), "", "", ("",), saved_at=time.time())
        shelf[draft.id] = draft
        return draft

    def save(self, person: str, draft: Draft, fields: dict[str, str], blocks: list[str]) -> Draft:
        """Keep what was written, within bounds; `fields` has what stands once, by name."""
        kept = tuple(_text(block) for block in blocks[:MOST_BLOCKS]) or ("",)
        saved = replace(
            draft,
            subject=_line(fields.get("subject", "")),
            preheader=_line(fields.get("preheader", "")),
            blocks=kept,
            closing=_text(fields.get("closing", "")),
            saved_at=time.time(),
        )
        self._of(person)[draft.id] = saved
        return saved

    def _of(self, person: str) -> dict[str, Draft]:
        if person not in self._drafts:
            now_s = time.time()
            first = [replace(draft, saved_at=now_s) for draft in self._samples.get(person, [])]
            self._drafts[person] = {draft.id: draft for draft in first}
        return self._drafts[person]


def _text(text: str) -> str:
    return text.replace("\r\n", "\n")[:MOST_LETTERS]


def _line(text: str) -> str:
    return " ".join(text.split())[:_MOST_LINE_LETTERS]
