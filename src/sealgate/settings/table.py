"""The table of settings: names, types, defaults and meanings. docs/reference/settings.md is made from it.

Counterparts: `reading` fills it, `checks` holds the rules between settings. The three processes' structs are
made from it here. It holds no secret.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct, structs

from sealgate.console.config import ConsoleConfig
from sealgate.listening.certificates import TlsFiles
from sealgate.proxy.config import MIB, ProxyConfig
from sealgate.settings.kek import KekSettings
from sealgate.settings.kinds import (
    AdminHost,
    Certificate,
    Host,
    Hosts,
    Key,
    LoudPlainHttp,
    PasskeyScope,
    Port,
    Url,
    User,
)
from sealgate.settings.limits import LimitsSettings
from sealgate.settings.mail import MailSettings
from sealgate.settings.telemetry import TelemetrySettings
from sealgate.vault.config import Destination, VaultConfig
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.quotas import ProxyRule

_NO_UID = 2**32 - 1
"""What chown(2) takes for "nobody named"; user ids lie below."""


class SettingsError(ValueError):
    """The settings cannot be used. The message says which and what to do."""


class DestinationSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One more origin that keys may be bound to, beside the built-in ones."""

    provider: Annotated[str, Meta(description="Provider whose dialect is spoken there, such as `openai`.")]
    origin: Annotated[
        str, Meta(pattern=r"^https?://[^/\s?#@]+$", description="Origin, `https://…`, no path.")
    ]
    label: Annotated[str, Meta(description="Name that developers see.")]


class ProxyRuleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What the vault lets the proxies of one system user have opened."""

    user: Annotated[str, Meta(min_length=1, description="System user (name or number) of these proxies.")]
    name: Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]{1,64}$", description="What log and audit call them.")]
    organizations: Annotated[
        tuple[str, ...],
        Meta(description="Organizations (`org_…`) whose keys they may have opened; empty: everybody's."),
    ] = ()
    opens_per_minute: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Their own quota; 0: `vault.opens_per_minute`.")
    ] = 0


class VaultSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The vault: sealed credentials, and the page that seals them."""

    host: Host = "127.0.0.1"
    port: Port = 8701
    admin_host: AdminHost = "127.0.0.1"
    admin_port: Port = 8707
    hosts: Hosts = ("vault.localhost",)
    url: Url = "http://vault.localhost:8701"
    tls_certificate: Certificate = ""
    tls_key: Key = ""
    destinations: Annotated[
        tuple[DestinationSettings, ...],
        Meta(description="Origins that keys may be bound to beside the built-in ones."),
    ] = ()
    lease_s: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Seconds for which a proxy may use an opened key while the vault does not answer.",
        ),
    ] = 300.0
    ticket_lifetime_s: Annotated[
        float,
        Meta(
            ge=60,
            le=3600,
            description="Seconds for which a ticket works; more where keys are sealed on a machine without a "
            "network.",
        ),
    ] = 600.0
    sealing_key_days: Annotated[
        float,
        Meta(
            ge=0,
            le=3650,
            description="Days after which an organization gets new sealing keys, with a new fingerprint; 0: "
            "never by itself.",
        ),
    ] = 90.0
    erasure_final_days: Annotated[
        float,
        Meta(
            ge=1,
            le=3650,
            description="Days after an erasure until which you promise to rotate the KEK and destroy the "
            "versions that old backups open with; every receipt states that day.",
        ),
    ] = 30.0
    deposits_need_passkey: Annotated[
        tuple[PasskeyScope, ...],
        Meta(
            description="Organizations (`org_…`) whose keys go in only once an administrator of the vault "
            "approved it with a passkey; `all`: everybody's. docs/howto/administrators.md says how."
        ),
    ] = ()
    opens_per_minute: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000_000,
            description="Keys that the proxies of one system user may have opened in a minute; beyond that "
            "the vault refuses until the next. By default enough for 3,000 busy applications.",
        ),
    ] = 6_000
    proxies: Annotated[
        tuple[ProxyRuleSettings, ...],
        Meta(description="Proxies of other system users, and what each may have opened."),
    ] = ()
    opens_days: Annotated[
        float,
        Meta(ge=1, le=3650, description="Days for which opens are kept by credential, proxy and minute."),
    ] = 30.0
    audit_days: Annotated[
        float,
        Meta(ge=1, le=3650, description="Days for which entries of the vault's audit are kept."),
    ] = 400.0
    dangerously_allow_plain_http_to_loopback: LoudPlainHttp = False


class ConsoleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The console: the developers' web application."""

    host: Host = "127.0.0.1"
    port: Port = 8700
    hosts: Hosts = ("console.localhost",)
    url: Url = "http://console.localhost:8700"
    tls_certificate: Certificate = ""
    tls_key: Key = ""


class ProxySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The proxy: prompts in, answers out."""

    host: Host = "127.0.0.1"
    port: Port = 8702
    admin_host: AdminHost = "127.0.0.1"
    admin_port: Port = 8703
    hosts: Hosts = ("proxy.localhost", "localhost", "127.0.0.1")
    url: Url = "http://proxy.localhost:8702"
    tls_certificate: Certificate = ""
    tls_key: Key = ""
    id: Annotated[
        str,
        Meta(
            description="Names this proxy in usage and in the vault's list; `prx_…`. Empty: made at the "
            "first start, kept in `data_dir`."
        ),
    ] = ""
    connection_limit: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Connections of clients at once, of each process.")
    ] = 10_000
    connections_per_address: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Those from one address, or one /64 of IPv6; 0: no such limit. "
            "Proxies in front (`trusted_proxies`) and this machine are not counted: they limit their own.",
        ),
    ] = 1_000
    workers: Annotated[
        int,
        Meta(ge=1, le=64, description="Processes that share its port; more than one needs `limits.store`."),
    ] = 1
    credential_cache_s: Annotated[
        float,
        Meta(
            ge=0, le=3600, description="Seconds for which an opened key stays in its slot; 0 wipes at once."
        ),
    ] = 30.0
    journal_limit_mib: Annotated[
        int,
        Meta(
            ge=64,
            le=65_536,
            description="Most disk of each process for exchanges that the console has not counted: some "
            "2,000 to a MiB. When it is full, new requests are refused, so that none goes uncounted.",
        ),
    ] = 1_024


class EgressSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The proxy's way out to providers."""

    ca_file: Annotated[
        str,
        Meta(description="PEM file of authorities to trust instead of the system's; empty for the system's."),
    ] = ""
    proxy: Annotated[
        str,
        Meta(
            description="`http://host:port` of a proxy to reach providers through (HTTP CONNECT; TLS "
            "stays end to end); empty for none. `HTTPS_PROXY` is never followed."
        ),
    ] = ""
    networks: Annotated[
        tuple[str, ...],
        Meta(description="Networks of your own where providers may be, such as `10.20.0.0/16`."),
    ] = ()
    dangerously_allow_plain_http_to_loopback: LoudPlainHttp = False


class UserSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The system users of the three processes: who may connect to whose socket."""

    vault: User = ""
    console: User = ""
    proxy: User = ""


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """One installation."""

    data_dir: Annotated[str, Meta(description="Folder for databases, the KEK, the journal and snapshots.")]
    instance: Annotated[
        str,
        Meta(
            description="Id of this installation, bound into every key. Empty: made at the first start, kept "
            "in `data_dir`."
        ),
    ] = ""
    runtime_dir: Annotated[
        str,
        Meta(description="Folder for the sockets between processes; short. Empty: `run` inside `data_dir`."),
    ] = ""
    trusted_proxies: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks of the TLS-terminating proxies in front: they may come in the "
            "clear, and name their client in `X-Forwarded-For`. Nobody else may."
        ),
    ] = ()
    users: UserSettings = UserSettings()
    vault: VaultSettings = VaultSettings()
    kek: KekSettings = KekSettings()
    console: ConsoleSettings = ConsoleSettings()
    mail: MailSettings = MailSettings()
    proxy: ProxySettings = ProxySettings()
    egress: EgressSettings = EgressSettings()
    limits: LimitsSettings = LimitsSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    def vault_config(self) -> VaultConfig:
        """What the vault is started with."""
        return VaultConfig(
            instance=self.instance,
            data_dir=Path(self.data_dir) / "vault",
            runtime_dir=self.runtime_folder,
            host=self.vault.host,
            port=self.vault.port,
            admin_host=self.vault.admin_host,
            admin_port=self.vault.admin_port,
            hosts=_names(self.vault),
            public_url=self.vault.url,
            console_url=self.console.url,
            destinations=tuple(
                Destination(provider=each.provider, origin=each.origin, label=each.label)
                for each in self.vault.destinations
            ),
            kek=KekConfig(**structs.asdict(self.kek)),
            lease_s=self.vault.lease_s,
            sealing_key_days=self.vault.sealing_key_days,
            erasure_final_days=self.vault.erasure_final_days,
            deposits_need_passkey=self.vault.deposits_need_passkey,
            opens_per_minute=self.vault.opens_per_minute,
            proxies=tuple(
                ProxyRule(uid_of(each.user), each.name, each.organizations, each.opens_per_minute)
                for each in self.vault.proxies
            ),
            opens_days=self.vault.opens_days,
            audit_days=self.vault.audit_days,
            ticket_lifetime_s=self.vault.ticket_lifetime_s,
            desk_uids=(uid_of(self.users.console),),
            opener_uids=self._proxy_uids,
            tls=tls_files(self.vault),
            trusted_proxies=self.trusted_proxies,
            dangerously_allow_plain_http_to_loopback=self.vault.dangerously_allow_plain_http_to_loopback,
        )

    def console_config(self) -> ConsoleConfig:
        """What the console is started with."""
        return ConsoleConfig(
            instance=self.instance,
            data_dir=Path(self.data_dir) / "console",
            runtime_dir=self.runtime_folder,
            host=self.console.host,
            port=self.console.port,
            hosts=_names(self.console),
            public_url=self.console.url,
            vault_url=self.vault.url,
            proxy_url=self.proxy.url,
            allowed_uids=self._proxy_uids,
            vault_uids=(uid_of(self.users.vault),),
            tls=tls_files(self.console),
            trusted_proxies=self.trusted_proxies,
            mail=self.mail.server(),
        )

    def proxy_config(self) -> ProxyConfig:
        """What the proxy is started with."""
        return ProxyConfig(
            instance=self.instance,
            data_dir=Path(self.data_dir) / "proxy",
            runtime_dir=self.runtime_folder,
            host=self.proxy.host,
            port=self.proxy.port,
            admin_host=self.proxy.admin_host,
            admin_port=self.proxy.admin_port,
            hosts=_names(self.proxy),
            proxy_id=self.proxy.id,
            egress_ca_file=Path(self.egress.ca_file) if self.egress.ca_file else None,
            egress_proxy=self.egress.proxy,
            egress_networks=self.egress.networks,
            dangerously_allow_plain_http_to_loopback=self.egress.dangerously_allow_plain_http_to_loopback,
            workers=self.proxy.workers,
            connection_limit=self.proxy.connection_limit,
            connections_per_address=self.proxy.connections_per_address,
            credential_cache_s=self.proxy.credential_cache_s,
            journal_limit_bytes=self.proxy.journal_limit_mib * MIB,
            vault_uids=(uid_of(self.users.vault),),
            console_uids=(uid_of(self.users.console),),
            tls=tls_files(self.proxy),
            trusted_proxies=self.trusted_proxies,
            limit_store=self.limits.limit_store(),
            telemetry=self.telemetry.collector(),
        )

    @property
    def _proxy_uids(self) -> tuple[int, ...]:
        users = (self.users.proxy, *(each.user for each in self.vault.proxies))
        return tuple(dict.fromkeys(map(uid_of, users)))

    @property
    def runtime_folder(self) -> Path:
        """Where the sockets lie."""
        return Path(self.runtime_dir) if self.runtime_dir else Path(self.data_dir) / "run"


def uid_of(user: str) -> int:
    """The number of a system user; raises `SettingsError`."""
    if not user:
        return os.getuid()
    if user.isascii() and user.isdecimal() and int(user) < _NO_UID:
        return int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except (KeyError, ValueError):  # no such user; no possible name
        msg = f"users: this machine has no user {user!r}. hint: make it, or give its number"
        raise SettingsError(msg) from None


def host_of(url: str) -> str:
    """The host name of a configured address."""
    return urlsplit(url).hostname or ""


def tls_files(section: VaultSettings | ConsoleSettings | ProxySettings) -> TlsFiles | None:
    """A listener's certificate and key; None for plain HTTP."""
    if not section.tls_certificate:
        return None
    return TlsFiles(Path(section.tls_certificate), Path(section.tls_key), host_of(section.url))


def _names(section: VaultSettings | ConsoleSettings | ProxySettings) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*section.hosts, host_of(section.url))))
