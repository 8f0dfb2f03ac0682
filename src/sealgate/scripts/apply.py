"""`sealgate apply`: makes a console's applications what a file says, each in one transaction, or says how.

Everything is planned before anything is changed: the console tells for each application what it would become,
and refuses what cannot be used, so a wrong file changes nothing. Each change names the version that it was
planned on: where somebody else was faster, that application is left alone and the conflict is told. It can be
run again at any time, after a kill as well. Applications that the file does not name are left alone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from msgspec import Struct

from sealgate.ids import is_id
from sealgate.scripts.consoles import API
from sealgate.scripts.differences import differences
from sealgate.scripts.documents import FileError, Node, read_document
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.talking import Connection, RefusedError

_TOP: Final = ("organization", "applications")
_EXTERNAL_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}")

Say = Callable[[str], None]


class Entry(Struct, frozen=True):
    """One application of the file."""

    named: str
    node: Node
    destination: tuple[str, str] | None

    @property
    def body(self) -> dict[str, Any]:
        """What is sent to the console."""
        whole = self.node.plain()
        assert isinstance(whole, dict)
        return {name: value for name, value in whole.items() if name != "destination"}


class Step(Struct, frozen=True):
    """What would happen to one application."""

    entry: Entry
    etag: str
    """Empty: it is not there yet."""
    lines: Sequence[str]


def apply_file(path: Path, console: Connection, say: Say, *, plan: bool) -> Exit:
    """Apply the file, or with `plan` only say what differs; raises `ScriptError`."""
    entries = read_entries(path, console)
    _check_destinations(path, entries, console)
    steps = [*_planned(path, entries, console)]
    differing = [step for step in steps if step.lines]
    for step in differing:
        for line in step.lines:
            say(f"{step.entry.named}: {line}")
    if plan:
        say(_summed(len(differing), "would change. Nothing was changed: this was a plan."))
        return Exit.DIFFERENCE if differing else Exit.DONE
    for done, step in enumerate(differing):
        say(f"{step.entry.named}: {_change(step, console, differing[:done])}")
    for entry in entries:
        _say_what_is_missing(entry, console, say)
    say(_summed(len(differing), "changed."))
    return Exit.DONE


def read_entries(path: Path, console: Connection) -> Sequence[Entry]:
    """The applications of the file; raises `FileError` with the line for what cannot be meant."""
    document = read_document(path)
    members = _members(path, document, "The file", "Write `applications:` and what should be.")
    for name, node in members.items():
        if name not in _TOP:
            raise FileError(path, node.line, f"Unknown field {name!r}.", hint_for(name, _TOP))
    if "applications" not in members:
        raise FileError(path, document.line, "There is no `applications:`.", "Write it, and what should be.")
    _check_organization(path, members.get("organization"), console)
    applications = _members(
        path, members["applications"], "`applications`", "Write a name and below it what it should be."
    )
    entries = [_entry(path, named, node) for named, node in applications.items()]
    _check_names(path, entries)
    return entries


def _entry(path: Path, named: str, node: Node) -> Entry:
    if not is_id("app", named) and not _EXTERNAL_NAME.fullmatch(named):
        raise FileError(
            path,
            node.line,
            f"{named!r} cannot name an application.",
            "Use small letters, digits and hyphens, or its id app_…",
        )
    members = _members(path, node, f"Application {named}", "Write at least its `name:`.")
    return Entry(named, node, _destination(path, members.get("destination")))


def _members(path: Path, node: Node, what: str, hint: str) -> dict[str, Node]:
    if not isinstance(node.value, dict):
        raise FileError(path, node.line, f"{what} is no mapping.", hint)
    return node.value


def _destination(path: Path, node: Node | None) -> tuple[str, str] | None:
    if node is None:
        return None
    value = node.plain()
    if not isinstance(value, dict) or set(value) != {"provider", "origin"}:
        raise FileError(
            path, node.line, "A destination has `provider` and `origin`, and nothing else.", "Write both."
        )
    return str(value["provider"]), str(value["origin"])


def _check_organization(path: Path, node: Node | None, console: Connection) -> None:
    if node is None:
        return
    ours = console.ask("GET", f"{API}/organization").plain()["id"]
    if node.plain() != ours:
        raise FileError(
            path, node.line, f"The token belongs to {ours}, not to {node.plain()}.", "Take the right token."
        )


def _check_names(path: Path, entries: Sequence[Entry]) -> None:
    seen: dict[str, tuple[str, int]] = {}
    for entry in entries:
        node = entry.node.get("name")
        if node is None or not isinstance(node.value, str):
            continue  # the console says what is wrong with it
        name = " ".join(node.value.split()).lower()
        if name in seen:
            other, line = seen[name]
            raise FileError(
                path, node.line, f"{other!r} has this name already, on line {line}.", "Choose another name."
            )
        seen[name] = entry.named, node.line


def _check_destinations(path: Path, entries: Sequence[Entry], console: Connection) -> None:
    if not any(entry.destination for entry in entries):
        return
    found = console.ask("GET", f"{API}/destinations").plain()["items"]
    allowed = [(each["provider"], each["origin"]) for each in found]
    for entry in entries:
        if entry.destination is not None and entry.destination not in allowed:
            known = [f"{provider} {origin}" for provider, origin in allowed]
            line = entry.node.at("destination").line
            hint = hint_for(" ".join(entry.destination), known)
            raise FileError(path, line, "The vault has no such destination.", hint)


def _planned(path: Path, entries: Sequence[Entry], console: Connection) -> Iterator[Step]:
    for entry in entries:
        address = _address(entry)
        try:
            found = console.ask("GET", address)
        except RefusedError as refused:
            if refused.code != "not_found" or is_id("app", entry.named):
                raise _at_line(path, entry, refused) from None
            before, tag = None, ""
        else:
            before, tag = found.plain(), found.etag
        try:
            after = console.ask("PUT", f"{address}?plan=true", entry.body, _condition(tag)).plain()
        except RefusedError as refused:
            raise _at_line(path, entry, refused) from None
        lines = _as_new(after) if before is None else differences(before, after)
        yield Step(entry, tag, lines)


def _as_new(after: dict[str, Any]) -> list[str]:
    lists = {"origins": after["origins"], "session_keys": after["session_keys"]}
    policy = {name: after["policy"][name] for name in ("models", "actions", "plans", "budgets")}
    empty: dict[str, Any] = {name: [] for name in lists} | {"policy": {name: [] for name in policy}}
    return [f"new application “{after['name']}”", *differences(empty, lists | {"policy": policy})]


def _change(step: Step, console: Connection, done: Sequence[Step]) -> str:
    try:
        answer = console.ask("PUT", _address(step.entry), step.entry.body, _condition(step.etag))
    except RefusedError as refused:
        if refused.status != 412:
            raise
        before = ", ".join(each.entry.named for each in done) or "none"
        raise ScriptError(
            Exit.CONFLICT,
            f"{step.entry.named}: somebody else changed it meanwhile, so it was left alone. "
            f"Changed before that: {before}.",
            "Look at the plan again, then apply again.",
        ) from None
    return f"{'changed' if step.etag else 'made'}, {answer.plain()['id']}"


def _say_what_is_missing(entry: Entry, console: Connection, say: Say) -> None:
    if entry.destination is None:
        return
    provider, origin = entry.destination
    addon = console.ask("GET", f"{_address(entry)}/add-on").plain()
    held = addon["state"] in {"active", "off"} and (addon["provider"], addon["origin"]) == entry.destination
    if not held:
        say(
            f"{entry.named}: has no key for {origin} yet. next: sealgate deposit "
            f"--application {entry.named} --provider {provider} --origin {origin}"
        )


def hint_for(written: str, known: Sequence[str]) -> str:
    """The one that looks like what was written, else all that there are."""
    close = difflib.get_close_matches(written, known, 1, cutoff=0.8)
    return f"Did you mean {close[0]!r}?" if close else f"Known here: {'; '.join(known)}."


def _address(entry: Entry) -> str:
    return f"{API}/applications/{quote(entry.named, safe='')}"


def _condition(tag: str) -> dict[str, str]:
    return {"if-match": tag} if tag else {"if-none-match": "*"}


def _at_line(path: Path, entry: Entry, refused: RefusedError) -> ScriptError:
    if refused.status == 412:
        return ScriptError(Exit.CONFLICT, f"{entry.named}: {refused.message}", refused.hint)
    if refused.exit_code is not Exit.DATA and refused.code != "not_found":
        return refused
    where = f"{refused.field}: " if refused.field else ""
    line = entry.node.at(refused.field).line
    return FileError(path, line, f"{entry.named}: {where}{refused.message}", refused.hint)


def _summed(count: int, words: str) -> str:
    if not count:
        return "No difference."
    return f"{count} application{'s' if count != 1 else ''} {words}"
