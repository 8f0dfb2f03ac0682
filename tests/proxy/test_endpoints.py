"""The endpoint tables."""

from __future__ import annotations

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
    with pytest.raises(ProxyError) as caught:
        find(b"POST", path + (b"x" if path.endswith(b"/") else b""))
    assert NOT_OFFERED[path] in caught.value.message


@pytest.mark.parametrize("method", [b"GET", b"PUT", b"DELETE", b"HEAD"])
def test_another_method_is_refused(method: bytes) -> None:
    with pytest.raises(ProxyError, match="method_not_allowed"):
        find(method, b"/v1/chat/completions")
