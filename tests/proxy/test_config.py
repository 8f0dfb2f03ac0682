"""A proxy's configuration is checked before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sealgate.proxy.config import ProxyConfig

GOOD: dict[str, Any] = {"instance": "inst_" + "a" * 20, "data_dir": Path("/d"), "runtime_dir": Path("/r")}


def test_the_defaults_are_usable() -> None:
    config = ProxyConfig(**GOOD)
    assert (config.port, config.admin_host) == (8702, "127.0.0.1")


BAD: dict[str, Any] = {
    "instance": "inst_x",
    "proxy_id": "a b",
    "hosts": ("Proxy.localhost",),
    "port": 70_000,
    "admin_port": -1,
    "keep_alive_s": 0,
    "head_s": -1,
    "credential_cache_s": -1,
    "connection_limit": 0,
    "connections_per_address": -1,
    "journal_segment_bytes": 100,
    "journal_limit_bytes": 1,
}


@pytest.mark.parametrize("name", BAD)
def test_a_value_that_cannot_be_meant_is_refused_with_a_hint(name: str) -> None:
    with pytest.raises(ValueError, match="hint:"):
        ProxyConfig(**{**GOOD, name: BAD[name]})


def test_an_empty_list_of_hosts_is_refused() -> None:
    with pytest.raises(ValueError, match="hint:"):
        ProxyConfig(**{**GOOD, "hosts": ()})
