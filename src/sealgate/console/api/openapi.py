"""The management API's OpenAPI 3.1 document, drawn from the route table and the structs that it names.

Counterpart: docs/reference/openapi.json, which a test holds to this.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from sealgate.console.api.errors import ERRORS, ErrorBody
from sealgate.console.api.routes import ROOT, WAYS, Query, Way
from sealgate.console.api.tokens import SCOPES

_ALWAYS: Final = ("token_missing", "token_refused", "scope_missing", "malformed", "rate_limited", "internal")
_WITH_BODY: Final = ("body_slow", "body_too_large", "not_json", "invalid")
_PATH_PARAMETERS: Final[Mapping[str, str]] = {
    "application": "An application's id (`app_…`) or external name.",
    "kid": "A session key's id (`key_…`).",
    "receipt": "A receipt's id (`rcpt_…`).",
}
_SCHEMAS: Final = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """The whole document."""
    structs = sorted(
        {ErrorBody} | {each for way in WAYS for each in (way.gives, way.takes) if each is not None},
        key=lambda each: each.__name__,
    )
    _references, schemas = msgspec.json.schema_components(structs, ref_template=_SCHEMAS)
    paths: dict[str, dict[str, Any]] = {}
    for way in WAYS:
        paths.setdefault(way.path.removeprefix(ROOT), {})[way.method.lower()] = _operation(way)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sealgate management API",
            "version": "1",
            "description": "What the console's pages do, for programs. Times are RFC 3339 in UTC. "
            + "Scopes of a token: "
            + "; ".join(f"`{scope.value}`: {words}" for scope, words in SCOPES.items())
            + ".",
        },
        "servers": [{"url": ROOT}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`sgt_` and 43 characters."}
            },
        },
    }


@functools.cache
def text() -> str:
    """The document as JSON, indented, with a line end; drawn when it is first asked for (40 ms)."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=2).decode() + "\n"


def _operation(way: Way) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(way),
        "summary": way.words,
        "x-scope": way.needs.value,
        "parameters": [*_in_path(way), *_in_query(way), *_in_headers(way)],
        "responses": _responses(way),
    }
    if way.takes is not None:
        operation["requestBody"] = {"required": True, "content": _content(way.takes)}
    return operation


def _operation_id(way: Way) -> str:
    words = re.sub(r"[{}]", "", way.path.removeprefix(ROOT)).strip("/").replace("/", "-")
    return f"{way.method.lower()}-{words}"


def _in_path(way: Way) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", way.path):
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": _PATH_PARAMETERS[name],
            "schema": {"type": "string"},
        }


def _in_query(way: Way) -> Iterable[dict[str, Any]]:
    for query in way.query:
        name, kind, words = query.value
        yield {"name": name, "in": "query", "description": words, "schema": {"type": kind}}


def _in_headers(way: Way) -> Iterable[dict[str, Any]]:
    if way.conditional:
        words = {"If-Match": "The ETag that must be current.", "If-None-Match": "`*`: it must not be there."}
        for name, meaning in words.items():
            yield {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}


def _responses(way: Way) -> dict[str, Any]:
    good = {"description": "Done.", "content": _content(way.gives)}
    responses: dict[str, Any] = {str(way.status): good}
    if way.method == "PUT" and way.path.endswith("{application}"):
        responses["201"] = {"description": "Made.", "content": _content(way.gives)}
    meanings: dict[int, list[str]] = {}
    for code in _codes(way):
        failure = ERRORS[code]
        meanings.setdefault(failure.status, []).append(f"`{code}`: {failure.meaning}")
    for status, lines in sorted(meanings.items()):
        responses[str(status)] = {"description": " ".join(lines), "content": _content(ErrorBody)}
    return responses


def _codes(way: Way) -> Iterable[str]:
    yield from _ALWAYS
    if "{" in way.path or Query.APPLICATION in way.query:
        yield "not_found"
    if way.takes is not None:
        yield from _WITH_BODY
    if way.conditional:
        yield "version_conflict"
    if way.vault:
        yield from ("vault_away", "vault_refused")


def _content(struct: type[msgspec.Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _SCHEMAS.format(name=struct.__name__)}}}
