"""Requests are judged as OpenAI judges them: the same status, parameter and code."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from sealgate.simulator import Simulator
from sealgate.simulator.connection import MAX_BODY_BYTES
from sealgate.simulator.errors import ApiError
from sealgate.simulator.requests import read_chat

from .conftest import KEY, trust

OK = {"model": "gpt-sim", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"model": None}, None, None),
        ({"model": 3}, "model", "invalid_type"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": "hi"}, "messages", "invalid_type"),
        ({"messages": []}, "messages", "empty_array"),
        ({"messages": ["hi"]}, "messages[0]", "invalid_type"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role", "missing_required_parameter"),
        ({"messages": [{"role": "boss", "content": "hi"}]}, "messages[0].role", "invalid_value"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "invalid_type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "smell"}]}]},
            "messages[0].content[0].type",
            "invalid_value",
        ),
        ({"temperature": 3}, "temperature", "integer_above_max_value"),
        ({"temperature": -0.5}, "temperature", "decimal_below_min_value"),
        ({"top_p": "much"}, "top_p", "invalid_type"),
        ({"max_tokens": 0}, "max_tokens", "integer_below_min_value"),
        ({"max_completion_tokens": 1.5}, "max_completion_tokens", "invalid_type"),
        ({"n": 99}, "n", "integer_above_max_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"stream_options": {"include_usage": True}}, "stream_options", None),
        ({"stream": True, "stream_options": {"often": True}}, "stream_options.often", "unknown_parameter"),
        ({"stop": 7}, "stop", "invalid_type"),
        ({"flavour": "mint"}, "flavour", "unknown_parameter"),
    ],
)
def test_a_wrong_request_is_refused_with_its_parameter_and_code(
    change: dict[str, object], param: str | None, code: str | None
) -> None:
    with pytest.raises(ApiError) as caught:
        read_chat(json.dumps(OK | change).encode())
    assert (caught.value.status, caught.value.body.error.param, caught.value.body.error.code) == (
        400,
        param,
        code,
    )


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"model":"\xff"}', b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(ApiError, match="could not parse"):
        read_chat(body)


def test_content_parts_are_read_as_their_texts() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "data:,"}}]
    chat = read_chat(json.dumps(OK | {"messages": [{"role": "user", "content": parts}]}).encode())
    assert chat.messages[0].text.strip() == "one"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "/v1/chat/completions", {}, 405, None),
        ("POST", "/v1/models", {}, 405, None),
        ("POST", "/v1/files", {}, 404, None),
        ("POST", "/v1/chat/completions", {"authorization": ""}, 401, None),
        ("POST", "/v1/chat/completions", {"authorization": "Basic abc"}, 401, None),
        ("POST", "/v1/chat/completions", {"authorization": "Bearer sk-sim-short"}, 401, "invalid_api_key"),
    ],
)
async def test_addresses_methods_and_keys_are_judged_first(
    simulator: Simulator, method: str, path: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    url = f"https://127.0.0.1:{simulator.port}{path}"
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        response = await client.request(
            method, url, headers={"authorization": f"Bearer {KEY}"} | headers, json=OK
        )
    assert response.status_code == status
    assert response.json()["error"]["code"] == code
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_a_redirect_names_another_host(simulator: Simulator) -> None:
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        response = await client.post(
            f"{simulator.base_url}/chat/completions",
            headers={"authorization": f"Bearer {KEY}"},
            json=OK | {"model": "sim-redirect"},
        )
    assert response.status_code == 307
    assert response.headers["location"].startswith("https://elsewhere.localhost/")


@pytest.mark.parametrize(("model", "done"), [("gpt-sim", True), ("sim-no-done", False)])
async def test_a_stream_ends_with_done_unless_the_fault_says_otherwise(
    simulator: Simulator, model: str, done: bool
) -> None:
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        response = await client.post(
            f"{simulator.base_url}/chat/completions",
            headers={"authorization": f"Bearer {KEY}"},
            json=OK | {"model": model, "stream": True},
        )
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.content.endswith(b"data: [DONE]\n\n") is done


async def test_bytes_that_are_no_http_are_answered_with_400(simulator: Simulator) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", simulator.control_port)
    writer.write(b"\x16\x03\x01nonsense\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_a_body_over_the_limit_is_refused_with_413(simulator: Simulator) -> None:
    body = b'{"model":"gpt-sim","x":"' + b"a" * MAX_BODY_BYTES + b'"}'
    async with httpx.AsyncClient(verify=trust(simulator)) as client:
        response = await client.post(
            f"{simulator.base_url}/chat/completions", headers={"authorization": f"Bearer {KEY}"}, content=body
        )
    assert response.status_code == 413
