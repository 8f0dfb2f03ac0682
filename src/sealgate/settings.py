"""Every setting of a Sealgate installation: one table, read from one TOML file.

The three processes get plain configuration structs made from it and never read a file or an environment of
their own. Unknown settings are refused by name, and so is anything that would listen in the clear beyond this
machine.
"""

from __future__ import annotations

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tomli_w
from msgspec import Meta, Struct

from sealgate.console.config import ConsoleConfig
from sealgate.ids import is_id
from sealgate.proxy.config import ProxyConfig
from sealgate.vault.config import Destination, VaultConfig

Host = Annotated[
    str, Meta(description="Address to listen on; loopback, since this release speaks plain HTTP.")
]
Port = Annotated[int, Meta(ge=1, le=65535, description="TCP port to listen on.")]
Hosts = Annotated[
    tuple[str, ...],
    Meta(min_length=1, description="Host names that requests may name; any other is refused."),
]
Url = Annotated[
    str, Meta(pattern=r"^https?://[^/\s?#]+$", description="The address that browsers use for it.")
]


class SettingsError(ValueError):
    """The settings cannot be used. The message says which and what to do."""


class DestinationSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One more origin that keys may be bound to, beside the built-in ones."""

    provider: Annotated[str, Meta(description="Provider whose dialect is spoken there, such as `openai`.")]
    origin: Annotated[str, Meta(pattern=r"^https://[^/\s?#]+$", description="Origin, `https://…`, no path.")]
    label: Annotated[str, Meta(description="Name that developers see.")]


class VaultSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The vault: sealed credentials, and the page that seals them."""

    host: Host = "127.0.0.1"
    port: Port = 8701
    hosts: Hosts = ("vault.localhost",)
    url: Url = "http://vault.localhost:8701"
    destinations: Annotated[
        tuple[DestinationSettings, ...],
        Meta(description="Origins that keys may be bound to beside the built-in ones."),
    ] = ()


class ConsoleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The console: the developers' web application."""

    host: Host = "127.0.0.1"
    port: Port = 8700
    hosts: Hosts = ("console.localhost",)
    url: Url = "http://console.localhost:8700"


class ProxySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The proxy: prompts in, answers out."""

    host: Host = "127.0.0.1"
    port: Port = 8702
    admin_host: Host = "127.0.0.1"
    admin_port: Port = 8703
    hosts: Hosts = ("proxy.localhost", "localhost", "127.0.0.1")
    url: Url = "http://proxy.localhost:8702"
    id: Annotated[str, Meta(description="Names this proxy in usage and in the vault's list; `prx_…`.")] = ""
    credential_cache_s: Annotated[
        float,
        Meta(
            ge=0, le=3600, description="Seconds for which an opened key stays in its slot; 0 wipes at once."
        ),
    ] = 30.0


class EgressSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The proxy's way out to providers."""

    ca_file: Annotated[
        str,
        Meta(description="PEM file of authorities to trust instead of the system's; empty for the system's."),
    ] = ""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """One installation."""

    instance: Annotated[str, Meta(description="Id of this installation; made once, bound into every key.")]
    data_dir: Annotated[str, Meta(description="Folder for databases, the KEK, the journal and snapshots.")]
    runtime_dir: Annotated[str, Meta(description="Folder for the sockets between processes; short, private.")]
    vault: VaultSettings = VaultSettings()
    console: ConsoleSettings = ConsoleSettings()
    proxy: ProxySettings = ProxySettings()
    egress: EgressSettings = EgressSettings()

    def vault_config(self) -> VaultConfig:
        """What the vault is started with."""
        return VaultConfig(
            instance=self.instance,
            data_dir=Path(self.data_dir) / "vault",
            runtime_dir=Path(self.runtime_dir),
            host=self.vault.host,
            port=self.vault.port,
            hosts=self.vault.hosts,
            public_url=self.vault.url,
            console_url=self.console.url,
            destinations=tuple(
                Destination(provider=each.provider, origin=each.origin, label=each.label)
                for each in self.vault.destinations
            ),
            allowed_uids=(os.getuid(),),
        )

    def console_config(self) -> ConsoleConfig:
        """What the console is started with."""
        return ConsoleConfig(
            instance=self.instance,
            data_dir=Path(self.data_dir) / "console",
            runtime_dir=Path(self.runtime_dir),
            host=self.console.host,
            port=self.console.port,
            hosts=self.console.hosts,
            public_url=self.console.url,
            vault_url=self.vault.url,
            proxy_url=self.proxy.url,
            allowed_uids=(os.getuid(),),
        )

    def proxy_config(self) -> ProxyConfig:
        """What the proxy is started with."""
        return ProxyConfig(
            instance=self.instance,
            data_dir=Path(self.data_dir) / "proxy",
            runtime_dir=Path(self.runtime_dir),
            host=self.proxy.host,
            port=self.proxy.port,
            admin_host=self.proxy.admin_host,
            admin_port=self.proxy.admin_port,
            hosts=self.proxy.hosts,
            proxy_id=self.proxy.id,
            egress_ca_file=Path(self.egress.ca_file) if self.egress.ca_file else None,
            credential_cache_s=self.proxy.credential_cache_s,
            allowed_uids=(os.getuid(),),
        )


def load(path: Path) -> Settings:
    """Read and check a settings file; raises `SettingsError` with a hint."""
    try:
        raw: Any = tomllib.loads(path.read_text())
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}. hint: name the file with --config"
        raise SettingsError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not TOML: {error}. hint: see docs/reference/settings.md"
        raise SettingsError(msg) from error
    return check(parse(raw, str(path)))


def parse(raw: object, source: str) -> Settings:
    """Settings from decoded TOML; raises `SettingsError` naming the setting that is wrong."""
    try:
        return msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        msg = f"{source}: {error}. hint: docs/reference/settings.md lists every setting"
        raise SettingsError(msg) from error


def check(settings: Settings) -> Settings:
    """The rules that concern more than one value; gives the settings back."""
    if not is_id("inst", settings.instance):
        raise SettingsError(
            f"instance {settings.instance!r} is no id. hint: it looks like inst_ and 20 characters"
        )
    if not is_id("prx", settings.proxy.id):
        raise SettingsError(
            f"proxy.id {settings.proxy.id!r} is no id. hint: it looks like prx_ and 20 characters"
        )
    for name in ("data_dir", "runtime_dir"):
        if not Path(getattr(settings, name)).is_absolute():
            raise SettingsError(f"{name} must be an absolute path. hint: start it with /")
    for name, host in _listeners(settings):
        if not _is_loopback(host):
            msg = (
                f"{name} is {host!r}, which is not loopback: keys and prompts would travel in the clear. "
                "hint: listen on 127.0.0.1 behind a proxy that terminates TLS"
            )
            raise SettingsError(msg)
    return settings


def write(settings: Settings, path: Path) -> None:
    """Write settings as TOML, whole or not at all; mode 0600."""
    scratch = path.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(tomli_w.dumps(msgspec.to_builtins(settings)))
    scratch.replace(path)


def _listeners(settings: Settings) -> tuple[tuple[str, str], ...]:
    return (
        ("vault.host", settings.vault.host),
        ("console.host", settings.console.host),
        ("proxy.host", settings.proxy.host),
        ("proxy.admin_host", settings.proxy.admin_host),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
