"""Draw docs/reference/requests.md from the request tables, so that the page cannot say something else.

Counterparts: the tables, `chat_fields.py`, `responses_fields.py`, `input_fields.py`, `media_fields.py`,
`providers.py` and `provider_presets.py`.
`python -m sealgate.policy.reference` writes the page to standard output; a test fails when the committed page
differs.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sealgate.policy import chat_fields, input_fields, media_fields, responses_fields
from sealgate.policy.actions import MAX_TEXT_CHARACTERS
from sealgate.policy.bodies import MAX_DEPTH, encode_json_object
from sealgate.policy.checks import Check, ObjectOf, Refused, Tagged
from sealgate.policy.document import Endpoint, Limits
from sealgate.policy.fields import REFERENCES, Field
from sealgate.policy.media import FORMS
from sealgate.policy.media_fields import FileRow
from sealgate.policy.prompts import MAX_HISTORY_CHARACTERS, MAX_PROMPT_CHARACTERS
from sealgate.policy.provider_row import EndpointRow
from sealgate.policy.providers import PROVIDERS
from sealgate.policy.refusals import REFUSAL_CODES

_HEAD: Final = """\
# What passes, by endpoint and provider

This page is drawn from the tables in `src/sealgate/policy`; `make docs` draws it again.

A request is checked against its endpoint's table before anything goes to the provider. A field that is not
listed is a 400 that names it; an administrator can let an application's unlisted fields pass, but never a
reference (see below). Meaning is preserved, not bytes: integers stay exact, and a null stands for an absent
field. An application's policy says which endpoints its sessions may call; `GET /v1/models` takes no body and
is answered from the policy.
"""
_ITEMS_INTRO: Final = """\
An item may carry the `id` that it had in an answer; it is left out upstream: nothing is stored under it.
A type that is not listed is refused; so is an item without a type that is no message.

"""
_FORMS_INTRO: Final = """\
A form (`multipart/form-data`), written anew for the provider: the name that the user's file had stays here,
only its ending goes up. Names in brackets are lists and objects; what is not listed never passes here.

"""
_PROVIDERS_INTRO: Final = """\
What was shaped by the tables above is then fitted to the provider of the application's key. A provider that
is not listed is refused.

"""


def request_reference() -> str:
    """The whole page, as Markdown."""
    sections = (
        _HEAD,
        *_chat(),
        *_responses(),
        *_inputs(),
        *_media(),
        _references(),
        *_providers(),
        _bodies(),
        _limits(),
        _codes(),
    )
    return "\n".join(sections)


def _chat() -> Iterable[str]:
    yield "## `POST /v1/chat/completions`\n"
    yield _fields(chat_fields.CHAT_FIELDS, chat_fields.REQUIRED)
    yield "### Messages, by role\n\n" + _table(("role", "field", "accepted"), _rows(chat_fields.ROLES))
    yield "### Content parts\n\n`instructions` are the roles developer, system and tool.\n\n" + _table(
        ("in messages of", "part", "field", "accepted"), _part_rows(chat_fields.PARTS)
    )
    yield _tools(chat_fields.TOOLS)


def _responses() -> Iterable[str]:
    yield "## `POST /v1/responses`\n"
    yield _fields(responses_fields.RESPONSES_FIELDS, responses_fields.REQUIRED)
    yield (
        "### Input items, by type\n\n"
        + _ITEMS_INTRO
        + _table(("type", "field", "accepted"), _rows(responses_fields.ITEMS))
    )
    yield "### Messages of the input, by role\n\n" + _table(
        ("role", "field", "accepted"), _rows(responses_fields.MESSAGES)
    )
    yield "### Content parts of the input\n\n" + _table(
        ("in messages of", "part", "field", "accepted"), _part_rows(responses_fields.PARTS)
    )
    yield _tools(responses_fields.TOOLS)


def _inputs() -> Iterable[str]:
    yield "## `POST /v1/embeddings`\n"
    yield _fields(input_fields.EMBEDDINGS_FIELDS, input_fields.EMBEDDINGS_REQUIRED)
    yield "## `POST /v1/moderations`\n"
    yield _fields(input_fields.MODERATIONS_FIELDS, input_fields.MODERATIONS_REQUIRED)


def _media() -> Iterable[str]:
    yield "## `POST /v1/images/generations`\n"
    yield _fields(media_fields.GENERATION_FIELDS, media_fields.GENERATION_REQUIRED)
    yield "## `POST /v1/audio/speech`\n"
    yield _fields(media_fields.SPEECH_FIELDS, media_fields.SPEECH_REQUIRED)
    for endpoint, row in FORMS.items():
        yield f"## `POST /v1/{endpoint.replace('.', '/')}`\n\n" + _FORMS_INTRO
        yield _fields(row.fields, row.required)
        yield "### Files\n\n" + _table(("field", "files", "types"), map(_file_row, row.files.items()))


def _file_row(named: tuple[str, FileRow]) -> tuple[str, ...]:
    name, row = named
    count = str(row.most) if row.least == row.most else f"{row.least} to {row.most}"
    return f"`{name}`", count, ", ".join(f"`{each}`" for each in row.types)


def _fields(table: Mapping[str, Field], required: tuple[str, ...]) -> str:
    rows = (
        (
            f"`{name}`" + (" (required)" if name in required else ""),
            field.does.value,
            field.check.says if field.does.value in ("allowed", "set") else "",
            field.note,
        )
        for name, field in sorted(table.items())
    )
    return "### Fields\n\n" + _table(("field", "what happens", "accepted", "why"), rows)


def _part_rows(parts: Mapping[str, Check]) -> Iterable[tuple[str, ...]]:
    for where, kinds in parts.items():
        assert isinstance(kinds, Tagged)
        yield from ((where, *row) for row in _rows(kinds.kinds))


def _tools(tools: Mapping[str, Check]) -> str:
    rows = (
        (
            f"`{name}`",
            "refused" if isinstance(tool, Refused) else "allowed",
            tool.reason if isinstance(tool, Refused) else "it runs in your application",
        )
        for name, tool in tools.items()
    )
    intro = "A type that is not listed is refused.\n\n"
    return "### Tools\n\n" + intro + _table(("type", "what happens", "why"), rows)


def _references() -> str:
    rows = ((f"`{name}`", reason) for name, reason in sorted(REFERENCES.items()))
    intro = (
        "One key serves many users, so a reference to what is stored at the provider could reach another's\n"
        "data. These names are refused as fields of the body, and anywhere inside an unlisted field.\n\n"
    )
    return "## References\n\n" + intro + _table(("name", "why"), rows)


def _providers() -> Iterable[str]:
    rows = (
        (
            f"`{each.name}`",
            f"`{each.auth_header.decode()}: {each.auth_prefix.decode()}<key>`",
            *_offered(each.endpoints),
        )
        for each in PROVIDERS.values()
    )
    heads = ("provider", "how the key goes in", "endpoints", "paths")
    yield "## Providers\n\n" + _PROVIDERS_INTRO + _table(heads, rows)
    changes = (
        (f"`{each.name}`", f"`{endpoint}`", change)
        for each in PROVIDERS.values()
        for endpoint, row in each.endpoints.items()
        for change in _changes(row)
    )
    yield "### What is changed for a provider\n\n" + _table(("provider", "endpoint", "change"), changes)


def _offered(endpoints: Mapping[Endpoint, EndpointRow]) -> tuple[str, str]:
    prefixes = {
        row.path.decode().removesuffix(endpoint.replace(".", "/")) + "…"
        for endpoint, row in endpoints.items()
    }
    return ", ".join(f"`{name}`" for name in endpoints), ", ".join(f"`{each}`" for each in sorted(prefixes))


def _changes(row: EndpointRow) -> Iterable[str]:
    for reason in dict.fromkeys(row.refused.values()):
        names = ", ".join(f"`{name}`" for name, why in row.refused.items() if why == reason)
        yield f"refused: {names}: {reason}"
    for name, value in row.only.items():
        says = msgspec.json.encode(value).decode()
        yield f"`{name}`: only `{says}`, which goes without saying there; else refused"
    if row.removed:
        yield f"removed: {', '.join(f'`{name}`' for name in row.removed)}"
    if row.removed_of_messages:
        yield f"removed of each message: {', '.join(f'`{name}`' for name in row.removed_of_messages)}"
    yield from (f"`{name}` goes as `{its_name}`" for name, its_name in row.renamed.items())
    yield from (f"set: `{encode_json_object({name: value}).decode()}`" for name, value in row.set.items())
    if row.stream_options is not None:
        kept = ", ".join(f"`{name}`" for name in row.stream_options) or "nothing"
        yield f"of `stream_options`, {kept} is kept"


def _bodies() -> str:
    return (
        "## Bodies\n\nA body is one JSON object in UTF-8. Refused, with the reason: duplicate keys, half a\n"
        f"surrogate pair, NaN and infinities, numbers out of range, more than {MAX_DEPTH} levels, anything\n"
        f"after the object. The text of an action and the selection of a free prompt have at most\n"
        f"{MAX_TEXT_CHARACTERS:,} characters, a prompt {MAX_PROMPT_CHARACTERS:,}, its earlier turns\n"
        f"{MAX_HISTORY_CHARACTERS:,} together.\n"
    )


def _limits() -> str:
    rows = ((f"`{name}`", _limit(getattr(Limits(), name))) for name in Limits.__struct_fields__)
    return "## Limits of an application, where it sets no others\n\n" + _table(("limit", "value"), rows)


def _limit(value: float | bool | None) -> str:
    if value is None:
        return "none"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:,.0f}"


def _codes() -> str:
    rows = ((f"`{code}`", str(status), meaning) for code, (status, meaning) in REFUSAL_CODES.items())
    return "## Refusals\n\n" + _table(("code", "status", "meaning"), rows)


def _rows(kinds: Mapping[str, Check]) -> Iterable[tuple[str, ...]]:
    for kind, check in kinds.items():
        if isinstance(check, ObjectOf):
            for path, required, says in _members(check, ""):
                if path not in ("type", "role"):
                    yield f"`{kind}`", f"`{path}`" + (" (required)" if required else ""), says
        else:
            yield f"`{kind}`", "", check.says


def _members(check: ObjectOf, place: str) -> Iterable[tuple[str, bool, str]]:
    for name, member in check.fields.items():
        path = f"{place}{name}"
        if isinstance(member, ObjectOf):
            yield from _members(member, f"{path}.")
        else:
            yield path, name in check.required, member.says


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(request_reference())
