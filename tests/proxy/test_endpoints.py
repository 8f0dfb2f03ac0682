"""The endpoint tables."""

from __future__ import annotations

import re
from pathlib import Path

import openai
import pytest

from sealgate.proxy.endpoints import ACTION, MODELS, NOT_OFFERED, PATHS, find
from sealgate.proxy.errors import ProxyError


@pytest.mark.parametrize("path", PATHS)
def test_every_path_of_the_table_is_found(path: bytes) -> None:
    assert find(PATHS[path].endpoint.method, path) is PATHS[path]


def test_an_action_is_found_with_its_id() -> None:
    route = find(b"POST", b"/assistant/v1/actions/shorten")
    assert (route.endpoint, route.rest) == (ACTION, "shorten")


@pytest.mark.parametrize("name", ["gpt-test", "meta/llama-3", "meta%2Fllama-3", "a:b"])
def test_a_model_is_found_with_its_name(name: str) -> None:
    route = find(b"GET", b"/v1/models/" + name.encode())
    assert (route.endpoint, route.rest) == (MODELS, name)


@pytest.mark.parametrize("name", [b"", b"a?b", b"x" * 257, b"a b", b"\xc3\xa4"])
def test_what_cannot_be_a_model_is_not_found(name: bytes) -> None:
    with pytest.raises(ProxyError, match="not_found"):
        find(b"GET", b"/v1/models/" + name)


@pytest.mark.parametrize("rest", [b"", b"a/b", b"%2e%2e", b"x" * 65])
def test_what_cannot_be_an_action_is_not_found(rest: bytes) -> None:
    with pytest.raises(ProxyError, match="not_found"):
        find(b"POST", b"/assistant/v1/actions/" + rest)


@pytest.mark.parametrize("path", NOT_OFFERED)
def test_a_refused_endpoint_gives_its_reason(path: bytes) -> None:
    method, _blank, address = path.rpartition(b" ")
    with pytest.raises(ProxyError, match="endpoint_not_offered") as caught:
        find(method or b"POST", address + (b"x" if address.endswith(b"/") else b""))
    assert NOT_OFFERED[path] in caught.value.message


def test_an_address_without_its_v1_says_what_is_missing() -> None:
    with pytest.raises(ProxyError, match="not_found") as caught:
        find(b"POST", b"/chat/completions")
    assert "/v1" in caught.value.hint
    with pytest.raises(ProxyError, match="not_found") as elsewhere:
        find(b"POST", b"/chat/nothing")
    assert "/v1" not in elsewhere.value.hint


RESOURCES = Path(openai.__file__).parent / "resources"
ADDRESS = re.compile(r'"(?:/v1)?(/[a-z][a-z_]*(?:/[^"?\s]*)?)(?:\?[^"\s]*)?"')


def addresses_of_the_sdk() -> set[bytes]:
    """Every address that the installed OpenAI SDK asks, with a name in the place of each id."""
    sources = (path.read_text() for path in RESOURCES.rglob("*.py"))
    found = {address for source in sources for address in ADDRESS.findall(source)}
    return {b"/v1" + re.sub(r"\{[^}]*\}", "a-name", address).encode() for address in found}


def test_every_address_that_the_sdk_knows_is_served_or_refused_with_its_reason() -> None:
    addresses = addresses_of_the_sdk()
    assert addresses >= {b"/v1/chat/completions", b"/v1/files/a-name/content", b"/v1/models/a-name"}
    codes: dict[str, set[bytes]] = {}
    for address in addresses:
        try:
            find(b"POST", address)
        except ProxyError as error:
            codes.setdefault(error.code, set()).add(address)
    assert not codes.pop("not_found", None), "a new SDK: say in NOT_OFFERED why these are not served"
    assert codes.pop("method_not_allowed") == {b"/v1/models", b"/v1/models/a-name"}
    assert set(codes) == {"endpoint_not_offered"}


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"HEAD"])
def test_another_method_is_refused(method: bytes) -> None:
    with pytest.raises(ProxyError, match="method_not_allowed"):
        find(method, b"/v1/responses")
