"""Whatever a program sends, it gets an answer that the document names: no 500, nothing of somebody else's."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealgate.console.api import openapi
from sealgate.console.api.errors import ERRORS
from sealgate.console.api.routes import ROOT, WAYS, Way
from tests.console.api.program import Program, token_of
from tests.console.running import running

SCHEMAS: dict[str, Any] = openapi.document()["components"]["schemas"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
WORDS = st.sampled_from(
    ["x", "newsletter", "gpt-4o", "shorten", "https://a.example", "openai", "https://api.openai.com", ""]
) | st.text(max_size=30)


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Mostly what the schema says, now and then something else."""
    fitting = _fitting(schema)
    return st.one_of(fitting, fitting, fitting, JSON)


def _fitting(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "$ref" in schema:
        return _named(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return st.one_of([values(each) for each in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "object":
            needed = set(schema.get("required", ()))
            members = {name: values(each) for name, each in schema.get("properties", {}).items()}
            return st.fixed_dictionaries(
                {name: each for name, each in members.items() if name in needed},
                optional={name: each for name, each in members.items() if name not in needed},
            )
        case "array":
            return st.lists(values(schema.get("items", {})), max_size=3)
        case "integer":
            return st.integers(-1, 2_000_000)
        case "number":
            return st.floats(allow_nan=False, allow_infinity=False)
        case "boolean":
            return st.booleans()
        case "string":
            return WORDS
    return JSON


@functools.cache
def _named(name: str) -> st.SearchStrategy[Any]:
    return values(SCHEMAS[name])


NAMED = st.sampled_from(["newsletter", "blog", "app_aaaaaaaaaaaaaaaaaaaa", "x'--", "%00", "ä", "..%2f"])


@st.composite
def calls(draw: st.DrawFn) -> tuple[Way, str, Any, dict[str, str]]:
    """A way, its path filled in, a body and a query."""
    way = draw(st.sampled_from(WAYS))
    path = re.sub(r"{\w+}", lambda _found: draw(NAMED), way.path).removeprefix(ROOT)
    names = [query.value[0] for query in way.query]
    query = draw(st.dictionaries(st.sampled_from(names), WORDS, max_size=2)) if names else {}
    body = draw(values(SCHEMAS[way.takes.__name__])) if way.takes else None
    headers = draw(st.sampled_from([{}, {}, {"if-match": '"1"'}, {"if-none-match": "*"}, {"if-match": "x"}]))
    text = "&".join(f"{name}={json.dumps(value)[1:-1]}" for name, value in query.items())
    return way, f"{path}?{text}" if text else path, body, headers


async def test_every_answer_is_one_that_the_document_names() -> None:
    async with running() as world:
        await world.owner()
        await world.owner("eve@example.com", "Elsewhere")
        eve = Program(world.site, await token_of(world, "eve@example.com"))
        theirs = await eve.newsletter(name="Eve's own")
        program = Program(world.site, await token_of(world))
        await program.newsletter()
        seen: set[int] = set()

        async def ask(way: Way, path: str, body: Any, headers: dict[str, str]) -> None:
            world.clock.now_s += 1.0
            answer = await program.send(
                way.method, path, body, **{k.replace("-", "_"): v for k, v in headers.items()}
            )
            seen.add(answer.status_code)
            assert answer.status_code < 500, (way.path, path, body, answer.text)
            assert "Eve" not in answer.text
            if answer.status_code >= 400:
                error = answer.json()["error"]
                assert ERRORS[error["code"]].status == answer.status_code
            else:
                msgspec.json.decode(answer.content, type=way.gives)

        await explored(ask)
        assert {200, 404, 422} <= seen
        assert (await eve.get("/applications/newsletter")).json() == theirs


async def explored(ask: Any) -> None:
    """Run many examples on this loop: hypothesis calls from a thread, each call is awaited here."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(calls())
    def run(call: tuple[Way, str, Any, dict[str, str]]) -> None:
        asyncio.run_coroutine_threadsafe(ask(*call), loop).result(20)

    await asyncio.to_thread(run)
