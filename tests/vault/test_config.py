"""Settings that the vault refuses, each with a hint."""

from __future__ import annotations

import io
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from sealgate.policy import providers as policy_providers
from sealgate.vault.config import PROVIDERS, Destination
from sealgate.vault.destinations import BUILT_IN, AllowedDestinations
from tests.vault.deployment import Clock, running, vault_config

UNSAFE: list[dict[str, Any]] = [
    {"instance": ""},
    {"instance": "inst_x"},
    {"data_dir": Path("relative")},
    {"runtime_dir": Path("relative")},
    {"port": -1},
    {"port": 65536},
    {"hosts": ()},
    {"hosts": ("http://vault.example",)},
    {"hosts": ("Vault.example",)},
    {"hosts": ("*",)},
    {"public_url": "http://vault.example"},
    {"public_url": "ftp://vault.example"},
    {"public_url": "https://user@vault.example"},
    {"public_url": "https://vault.example/path"},
    {"public_url": "https://vault.example?x"},
    {"public_url": "http://localhost.evil.example"},
    {"public_url": ""},
    {"console_url": "http://console.example"},
    {"console_url": "javascript:alert(1)"},
    {"desk_uids": ()},
    {"opener_uids": ()},
    {"lease_s": 0},
    {"lease_s": 86_400},
    {"ticket_lifetime_s": 0},
    {"ticket_lifetime_s": 86_400},
]

NO_ORIGINS = [
    "http://api.example",
    "https://api.example/",
    "https://api.example/v1",
    "https://user@api.example",
    "https://API.example",
    "https://api.example:443",
    "https://api.example:0",
    "https://api.example:99999",
    "https://api.example?x",
    "https://api.example#x",
    "https://",
    "https://-x",
    "https://é.example",
    "https://api.example\n",
    "//api.example",
]


@pytest.mark.parametrize("change", UNSAFE, ids=str)
def test_an_unsafe_setting_is_refused_with_a_hint(tmp_path: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(tmp_path, **change)


@pytest.mark.parametrize("origin", NO_ORIGINS)
def test_a_destination_that_is_no_plain_https_origin_is_refused(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(tmp_path, destinations=(Destination(provider="openai", origin=origin, label="x"),))


@pytest.mark.parametrize(
    ("provider", "label"),
    [("", "x"), ("Open AI", "x"), ("acme-models", "x"), ("openai", ""), ("openai", "two\nlines")],
)
def test_a_destination_without_a_usable_name_is_refused(tmp_path: Path, provider: str, label: str) -> None:
    with pytest.raises(ValueError, match="hint: "):
        vault_config(
            tmp_path,
            destinations=(Destination(provider=provider, origin="https://api.example", label=label),),
        )


PLAIN = ["http://127.0.0.1:11434", "http://[::1]:8000", "http://ollama.localhost:11434"]
NO_PLAIN = [
    "http://127.0.0.1",
    "http://127.0.0.2:80",
    "http://localhost.evil.example:80",
    "http://evil.example:80",
    "http://10.0.0.1:80",
    "http://127.0.0.1:0",
    "http://127.0.0.1:99999",
    "http://user@127.0.0.1:80",
    "http://127.0.0.1:80/v1",
    "http://-x.localhost:80",
    "HTTP://127.0.0.1:80",
]


@pytest.mark.parametrize("origin", PLAIN)
def test_a_plain_origin_on_this_machine_needs_the_loud_setting(tmp_path: Path, origin: str) -> None:
    destinations = (Destination(provider="openai-compatible", origin=origin, label="Local model"),)
    with pytest.raises(ValueError, match="dangerously_allow_plain_http_to_loopback"):
        vault_config(tmp_path, destinations=destinations)
    config = vault_config(tmp_path, destinations=destinations, dangerously_allow_plain_http_to_loopback=True)
    assert config.plain_origins == (origin,)


@pytest.mark.parametrize("origin", NO_PLAIN)
def test_no_other_plain_origin_is_allowed_by_it(tmp_path: Path, origin: str) -> None:
    destinations = (Destination(provider="openai-compatible", origin=origin, label="Local model"),)
    with pytest.raises(ValueError, match="hint: "):
        vault_config(tmp_path, destinations=destinations, dangerously_allow_plain_http_to_loopback=True)


async def test_a_plain_origin_is_logged_loudly_at_every_start(
    folder: Path, assets: Path, clock: Clock
) -> None:
    destinations = (Destination(provider="openai-compatible", origin=PLAIN[0], label="Local model"),)
    config = vault_config(folder, destinations=destinations, dangerously_allow_plain_http_to_loopback=True)
    for _start in range(2):
        log = io.StringIO()
        async with running(config, clock, log, assets):
            assert f"warning vault plain_http_allowed origin={PLAIN[0]}" in log.getvalue()


def test_the_settings_of_the_guide_are_destinations_that_a_vault_takes(tmp_path: Path) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "howto" / "add-a-destination.md").read_text()
    examples = re.findall(r"```toml\n(.*?)```", guide, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        vault = tomllib.loads(example)["vault"]
        destinations = tuple(Destination(**each) for each in vault["destinations"])
        plain = vault.get("dangerously_allow_plain_http_to_loopback", False)
        config = vault_config(
            tmp_path, destinations=destinations, dangerously_allow_plain_http_to_loopback=plain
        )
        assert bool(config.plain_origins) is plain
    assert {each.origin.split("//")[1] for each in BUILT_IN if each.provider == "openai"} == {
        "api.openai.com",
        *(f"{region}.api.openai.com" for region in re.findall(r"`(\w\w)`", guide)),
    }


def test_the_guide_names_every_built_in_destination() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "howto" / "add-a-destination.md").read_text()
    others = [each for each in BUILT_IN if each.provider != "openai"]
    assert len(others) == 5
    for each in others:
        assert f"| `{each.provider}` |" in guide
        assert f"`{each.origin}`" in guide


def test_every_provider_that_a_key_can_be_bound_to_is_one_that_the_proxy_speaks_to() -> None:
    assert set(PROVIDERS) == set(policy_providers.PROVIDERS)


@pytest.mark.parametrize(
    "url",
    [
        "https://vault.example",
        "https://vault.example:8443",
        "http://vault.localhost:8701",
        "http://127.0.0.1:1",
    ],
)
def test_https_or_a_loopback_name_is_accepted(tmp_path: Path, url: str) -> None:
    assert vault_config(tmp_path, public_url=url).public_url == url


def test_the_built_in_destinations_are_allowed_everywhere() -> None:
    allowed = AllowedDestinations(())
    assert allowed.items == BUILT_IN
    assert allowed.find("openai", "https://api.openai.com") is BUILT_IN[0]
    assert allowed.find("openai", "https://evil.example") is None
    assert allowed.find("other", "https://api.openai.com") is None
