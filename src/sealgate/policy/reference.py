"""Draw docs/reference/requests.md from the request table, so that the page cannot say something else.

Counterpart: `chat_fields.py`. `python -m sealgate.policy.reference` writes the page to standard output; a
test fails when the committed page differs.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from sealgate.policy.actions import MAX_TEXT_CHARACTERS
from sealgate.policy.bodies import MAX_DEPTH
from sealgate.policy.chat_fields import CHAT_FIELDS, PARTS, REQUIRED, ROLES, TOOLS
from sealgate.policy.checks import Check, ObjectOf, Refused, Tagged
from sealgate.policy.document import Limits
from sealgate.policy.fields import REFERENCES
from sealgate.policy.refusals import REFUSAL_CODES

_HEAD: Final = """\
# What passes in `POST /v1/chat/completions`

This page is drawn from the table in `src/sealgate/policy/chat_fields.py`; `make docs` draws it again.

A request is checked against this table before anything goes to the provider. A field that is not listed is
a 400 that names it; an administrator can let an application's unlisted fields pass, but never a reference
(see below). Meaning is preserved, not bytes: integers stay exact, and a null stands for an absent field.
"""


def request_reference() -> str:
    """The whole page, as Markdown."""
    sections = (
        _HEAD,
        _fields(),
        _messages(),
        _parts(),
        _tools(),
        _references(),
        _bodies(),
        _limits(),
        _codes(),
    )
    return "\n".join(sections)


def _fields() -> str:
    rows = (
        (
            f"`{name}`" + (" (required)" if name in REQUIRED else ""),
            field.does.value,
            field.check.says if field.does.value in ("allowed", "set") else "",
            field.note,
        )
        for name, field in sorted(CHAT_FIELDS.items())
    )
    return "## Fields\n\n" + _table(("field", "what happens", "accepted", "why"), rows)


def _messages() -> str:
    return "## Messages, by role\n\n" + _table(("role", "field", "accepted"), _object_rows(ROLES))


def _parts() -> str:
    rows: list[tuple[str, ...]] = []
    for where, parts in PARTS.items():
        assert isinstance(parts, Tagged)
        rows += ((where, *row) for row in _object_rows(parts.kinds))
    intro = "`instructions` are the roles developer, system and tool.\n\n"
    return "## Content parts\n\n" + intro + _table(("in messages of", "part", "field", "accepted"), rows)


def _tools() -> str:
    rows = (
        (f"`{name}`", "refused" if isinstance(tool, Refused) else "allowed", _reason(tool))
        for name, tool in TOOLS.items()
    )
    intro = "A type that is not listed is refused.\n\n"
    return "## Tools\n\n" + intro + _table(("type", "what happens", "why"), rows)


def _references() -> str:
    rows = ((f"`{name}`", reason) for name, reason in sorted(REFERENCES.items()))
    intro = (
        "One key serves many users, so a reference to what is stored at the provider could reach another's\n"
        "data. These names are refused as fields of the body, and anywhere inside an unlisted field.\n\n"
    )
    return "## References\n\n" + intro + _table(("name", "why"), rows)


def _bodies() -> str:
    return (
        "## Bodies\n\nA body is one JSON object in UTF-8. Refused, with the reason: duplicate keys, half a\n"
        f"surrogate pair, NaN and infinities, numbers out of range, more than {MAX_DEPTH} levels, anything\n"
        f"after the object. The text of an action has at most {MAX_TEXT_CHARACTERS:,} characters.\n"
    )


def _limits() -> str:
    rows = ((f"`{name}`", f"{getattr(Limits(), name):,.0f}") for name in Limits.__struct_fields__)
    return "## Limits of an application, where it sets no others\n\n" + _table(("limit", "value"), rows)


def _codes() -> str:
    rows = ((f"`{code}`", str(status), meaning) for code, (status, meaning) in REFUSAL_CODES.items())
    return "## Refusals\n\n" + _table(("code", "status", "meaning"), rows)


def _object_rows(kinds: Mapping[str, Check]) -> Iterable[tuple[str, ...]]:
    for kind, check in kinds.items():
        assert isinstance(check, ObjectOf)
        for path, required, says in _members(check, ""):
            if path not in ("type", "role"):
                yield f"`{kind}`", f"`{path}`" + (" (required)" if required else ""), says


def _members(check: ObjectOf, place: str) -> Iterable[tuple[str, bool, str]]:
    for name, member in check.fields.items():
        path = f"{place}{name}"
        if isinstance(member, ObjectOf):
            yield from _members(member, f"{path}.")
        else:
            yield path, name in check.required, member.says


def _reason(tool: Check) -> str:
    return tool.reason if isinstance(tool, Refused) else "it runs in your application"


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(request_reference())
