"""The summary that a shortened anchor begins with: where every subject stood at one change, under one MAC.

Counterpart: `anchor`, which follows it with a line for each change since. Pure: text in, text out. Without
it an anchor only grows, and a vault that reads and checks every line of years starts late.

    sealgate anchor 2 <number> <subject> <version> <state> <chain> <standings> <tags> <bytes up to the MAC>
    <subject> <version> <state>         one line for each standing
    <number> <tag>                      one line for each tag
    <MAC over everything above>
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

MAGIC = b"sealgate anchor 2 "
TAGS_KEPT = 4096
"""So many changes back, a proxy's memory of the vault can be told from one of another history."""
_LABEL = b"sealgate anchor summary v2\n"
_HEAD_WORDS = 8
_MAC_BYTES = 64


class Standing(Struct, frozen=True, gc=False):
    """How far one subject has come: a credential's revision, an organization's newest epoch."""

    version: int
    state: str


class Entry(Struct, frozen=True):
    """One line: the `number`-th change, and where it left its subject."""

    number: int
    subject: str
    version: int
    state: str

    def line(self) -> str:
        """The line's text without its MAC."""
        return f"{self.number} {self.subject} {self.version} {self.state}"


class Summary(Struct, frozen=True):
    """Everything that an anchor knows at one change."""

    last: Entry
    chain: bytes
    """The MAC of that change's line, on which the next one builds: the history goes on unbroken."""
    standings: Mapping[str, Standing]
    tags: Mapping[int, str]
    """Of the newest changes: what the anchor's chain was after each, shortened."""

    def text(self, key: bytes) -> bytes:
        """Its bytes with their MAC."""
        body = "".join(self._lines()).encode()
        counts = f"{len(self.standings)} {len(self.tags)} {len(body)}"
        above = MAGIC + f"{self.last.line()} {self.chain.hex()} {counts}\n".encode() + body
        return above + _mac(key, above).hex().encode() + b"\n"

    def _lines(self) -> Iterator[str]:
        for subject, standing in self.standings.items():
            yield f"{subject} {standing.version} {standing.state}\n"
        for number, tag in self.tags.items():
            yield f"{number} {tag}\n"


def read_summary(content: bytes, key: bytes) -> tuple[Summary, int] | None:
    """The summary that an anchor's content begins with, and its length; None if it was altered in any way."""
    head, _, _ = content[:1024].partition(b"\n")
    words = head[len(MAGIC) :].decode("ascii", "replace").split(" ")
    if len(words) != _HEAD_WORDS or not all(words[at].isdecimal() for at in (0, 2, 5, 6, 7)):
        return None
    end = len(head) + 1 + int(words[7])
    length = end + _MAC_BYTES + 1
    mac = _mac(key, content[:end]).hex().encode()
    if not hmac.compare_digest(content[end:length], mac + b"\n"):
        return None
    # From here on everything is as the vault wrote it.
    last = Entry(int(words[0]), words[1], int(words[2]), words[3])
    lines = content[len(head) + 1 : end].decode("ascii").split("\n")
    count = int(words[5])
    standings, tags = _standings(lines[:count]), dict(map(_tag, lines[count:-1]))
    return Summary(last, bytes.fromhex(words[4]), standings, tags), length


def _standings(lines: Iterable[str]) -> dict[str, Standing]:
    alike: dict[str, Standing] = {}  # one for all who stand alike, not a hundred thousand
    found = {}
    for line in lines:
        subject, _, words = line.partition(" ")
        standing = alike.get(words)
        if standing is None:
            version, _, state = words.partition(" ")
            standing = alike[words] = Standing(int(version), state)
        found[subject] = standing
    return found


def _tag(line: str) -> tuple[int, str]:
    number, tag = line.split(" ")
    return int(number), tag


def _mac(key: bytes, above: bytes) -> bytes:
    return hmac.digest(key, _LABEL + above, "sha256")
