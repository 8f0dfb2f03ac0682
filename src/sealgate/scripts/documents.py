"""Reads the files that people write for `sealgate apply`: a small, strict YAML, with the line of every value.

Refused: anchors and aliases (a file of a kilobyte could stand for gigabytes, or contain itself), tags, keys
that stand twice, several documents, and a file without its last line `...`, since one that was cut off must
never be taken for a whole one. `yes`, `on` and dates are texts, as in YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import yaml
from msgspec import Struct

from sealgate.scripts.failures import Exit, ScriptError

FILE_LIMIT_BYTES = 1024 * 1024
DEPTH_LIMIT = 24

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{1,18}")
_WORDS: Final[Mapping[str, bool | None]] = {
    "true": True, "false": False, "null": None, "~": None, "": None
}  # fmt: skip
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class Node(Struct, frozen=True):
    """One value and the line that it stands on, from 1."""

    line: int
    value: bool | int | float | str | list[Node] | dict[str, Node] | None

    def plain(self) -> Plain:
        """The value without its lines."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def at(self, path: str) -> Node:
        """The node at a path such as `policy.actions[2].model`, or the nearest one that is there."""
        node = self
        for name, index in _STEP.findall(path):
            if isinstance(node.value, dict) and name in node.value:
                node = node.value[name]
            elif isinstance(node.value, list) and index and int(index) < len(node.value):
                node = node.value[int(index)]
            else:
                return node
        return node

    def get(self, key: str) -> Node | None:
        """A member of a mapping."""
        return self.value.get(key) if isinstance(self.value, dict) else None


class FileError(ScriptError):
    """The file cannot be used; the message names file and line."""

    def __init__(self, path: Path, line: int, message: str, hint: str) -> None:
        super().__init__(Exit.DATA, f"{path}:{line}: {message}", hint)


def read_document(path: Path) -> Node:
    """The one document of a file; raises `FileError`, or `ScriptError` where it cannot be read."""
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_LIMIT_BYTES + 1)
    except OSError as error:
        reason = f"Cannot read {path}: {error.strerror}."
        raise ScriptError(Exit.CONFIGURATION, reason, "Name the file.") from None
    if len(raw) > FILE_LIMIT_BYTES:
        raise FileError(path, 1, "The file is over 1 MiB.", "Part it into several files.")
    try:
        return _Reading(path, raw.decode("utf-8")).document()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise FileError(path, line, "This is not UTF-8.", "Save the file as UTF-8.") from None
    except yaml.YAMLError as error:
        raise _not_yaml(path, error) from None


class _Reading:
    """Builds nodes from YAML's events, so that nothing is ever expanded or constructed."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)

    def document(self) -> Node:
        """The whole file."""
        next(self._events)  # the stream's start
        first = next(self._events)
        if isinstance(first, yaml.StreamEndEvent):
            raise self._error(first, "The file is empty.", "Write `applications:` and what should be.")
        node = self._node(next(self._events), DEPTH_LIMIT)
        end = next(self._events)
        assert isinstance(end, yaml.DocumentEndEvent)
        if not end.explicit:
            raise self._error(
                end,
                "The file ends without its last line `...`, so it may have been cut off.",
                "Write ... on a line of its own at the end.",
            )
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._error(after, "There is a second document.", "Keep one document in a file.")
        return node

    def _node(self, event: yaml.Event, room: int) -> Node:
        if not room:
            raise self._error(event, f"This is nested deeper than {DEPTH_LIMIT} levels.", "Flatten it.")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            name = f"{'*' if isinstance(event, yaml.AliasEvent) else '&'}{event.anchor}"
            raise self._error(
                event, f"Anchors and aliases such as {name} are refused.", "Write the value out."
            )
        if getattr(event, "tag", None):
            raise self._error(event, f"Tags such as {event.tag} are refused.", "Take the tag out.")
        line = event.start_mark.line + 1
        if isinstance(event, yaml.ScalarEvent):
            return Node(line, event.value if event.style else _scalar(event.value))
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(line, self._sequence(room))
        return Node(line, self._mapping(room))

    def _sequence(self, room: int) -> list[Node]:
        items = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, room - 1))
        return items

    def _mapping(self, room: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._error(event, "A name must be a plain text.", "Write `name: value`.")
            key = event.value
            self._node(event, room)  # no anchor, no tag
            if key in members:
                raise self._error(
                    event, f"{key!r} stands twice; first on line {lines[key]}.", "Keep one of the two."
                )
            lines[key] = event.start_mark.line + 1
            members[key] = self._node(next(self._events), room - 1)
        return members

    def _error(self, event: yaml.Event, message: str, hint: str) -> FileError:
        return FileError(self._path, event.start_mark.line + 1, message, hint)


def _scalar(text: str) -> bool | int | float | str | None:
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _not_yaml(path: Path, error: yaml.YAMLError) -> FileError:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    return FileError(path, mark.line + 1 if mark else 1, f"This is not YAML: {problem}.", "Mend this line.")
