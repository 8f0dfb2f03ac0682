"""Says how an application would change, one line for each value, for people who decide whether it may.

Pure. Takes what the console answers for an application as it is, and as it would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

TEXT_LIMIT = 60
_NOT_SHOWN = frozenset({"id", "version", "created_at", "revoked_at", "external_name"})
_NAMED_BY = ("id", "kid", "value")
"""Members that tell the rows of a list apart."""


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Every difference as `path: what`."""
    return [
        line
        for name in after
        if name not in _NOT_SHOWN
        for line in _between(name, before.get(name), after[name])
    ]


def _between(path: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(each for each in after if each not in before)]:
            yield from _between(f"{path}.{name}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _between_lists(path, before, after)
    else:
        yield f"{path}: {_shown(before)} → {_shown(after)}"


def _between_lists(path: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    old, new = _keyed(before), _keyed(after)
    for key, row in old.items():
        if key not in new:
            yield f"{path}: − {key}"
        elif isinstance(row, dict):
            yield from _between(f"{path}.{key}", row, new[key])
    yield from (f"{path}: + {key}" for key in new if key not in old)
    if list(old) != list(new) and set(old) == set(new):
        yield f"{path}: order {', '.join(old)} → {', '.join(new)}"


def _keyed(rows: Sequence[Any]) -> dict[str, Any]:
    return {_key(row): row for row in rows}


def _key(row: Any) -> str:
    if isinstance(row, dict):
        if "measure" in row:  # a budget
            return " ".join((row["scope"], row["measure"], row["window"], *row["plans"]))
        return str(next((row[name] for name in _NAMED_BY if name in row), row))
    return str(row)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_shown(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(each) for each in value) + "]"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = " ".join(str(value).split())
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… ({len(str(value))} characters)"
