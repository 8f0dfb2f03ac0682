"""What a vault is started with: plain values, each checked before anything is opened.

Counterpart: `process.run`. An unsafe value is refused with a hint; nothing in here is a secret.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

from msgspec import Struct

from sealgate.ids import is_id
from sealgate.listening.certificates import TlsFiles
from sealgate.listening.peers import is_loopback
from sealgate.messages.tickets import Destination
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.quotas import ProxyRule
from sealgate.vault.relying_party import relying_party

__all__ = ["ALL", "PROVIDERS", "Destination", "VaultConfig", "check_destination"]

PROVIDERS = (
    "openai",
    "azure-openai",
    "anthropic",
    "google",
    "mistral",
    "groq",
    "openrouter",
    "vllm",
    "ollama",
    "openai-compatible",
)
"""Whose dialects the proxy speaks; a key for another one could never be used."""

ALL = "all"
"""In the place of an organization: every one."""

_HIGHEST_PORT = 65_535
_HIGHEST_QUOTA = 10_000_000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_ORIGIN = re.compile(r"https://[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::[1-9][0-9]{0,4})?")
# RFC 6761 §6.3: `*.localhost` never leaves this machine. The port is never left out.
_PLAIN_ORIGIN = re.compile(
    r"http://(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}localhost):[1-9][0-9]{0,4}"
)
_LOOPBACK = re.compile(r"(?:[a-z0-9-]+\.)*localhost|127\.[0-9.]+|::1")


class VaultConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One vault. A port of 0 takes a free one; `destinations` come on top of the built-in ones."""

    instance: str
    data_dir: Path
    """Where the KEK, vault.db and the anchor lie; nobody else may write to it."""
    runtime_dir: Path
    """Where the sockets lie."""
    host: str
    port: int
    hosts: tuple[str, ...]
    """Host names that the sealing page answers to, with or without a port."""
    public_url: str
    """Where browsers reach the sealing page, such as `https://vault.example`."""
    console_url: str
    """Where the sealing page sends the developer back to."""
    admin_host: str = "127.0.0.1"
    """Address of the page for operators; loopback only."""
    admin_port: int = 8707
    destinations: tuple[Destination, ...] = ()
    dangerously_allow_plain_http_to_loopback: bool = False
    """Let keys be bound to `http://127.0.0.1:port` and its like: proxies would send them in the clear."""
    desk_uids: tuple[int, ...] = ()
    """System users of consoles: they may ask for tickets and revoke, and never open."""
    opener_uids: tuple[int, ...] = ()
    """System users of proxies: they may open, and nothing else."""
    tls: TlsFiles | None = None
    """Certificate of the sealing page's listener; None for plain HTTP."""
    trusted_proxies: tuple[str, ...] = ()
    """Proxies in front that may come in the clear from beyond this machine."""
    kek: KekConfig = KekConfig()
    """Where KEKs are kept."""
    lease_s: float = 300.0
    ticket_lifetime_s: float = 600.0
    sealing_key_days: float = 90.0
    """Age at which an organization gets new sealing keys; 0 for never by itself."""
    erasure_final_days: float = 30.0
    """Days after an erasure until which operators promise that no backup can bring it back."""
    deposits_need_passkey: tuple[str, ...] = ()
    """Organizations whose deposits an administrator must approve with a passkey; `all`: everybody's."""
    opens_per_minute: int = 6_000
    """Keys that the proxies of one system user may have opened in a minute."""
    proxies: tuple[ProxyRule, ...] = ()
    """Limits of their own for the proxies of some system users."""
    opens_days: float = 30.0
    """Days for which opens are kept by credential, proxy and minute."""
    audit_days: float = 400.0
    """Days for which entries of the audit are kept."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant or is not safe; raises `ValueError` with a hint."""
        _require(
            is_id("inst", self.instance),
            f"instance is {self.instance!r}",
            "use the id made by new_id('inst')",
        )
        for name, port in (("port", self.port), ("admin_port", self.admin_port)):
            _require(0 <= port <= _HIGHEST_PORT, f"{name} is {port}", f"use 0 to {_HIGHEST_PORT}")
        _require(
            is_loopback(self.admin_host),
            f"admin_host is {self.admin_host!r}, which is not loopback",
            "listen on 127.0.0.1: its pages are for operators alone",
        )
        _require(bool(self.hosts), "hosts is empty", "name the hosts that the sealing page answers to")
        for host in self.hosts:
            _require(
                bool(_HOST.fullmatch(host)),
                f"host is {host!r}",
                "write a lower-case host name, no scheme, no path",
            )
        _require(bool(self.desk_uids), "desk_uids is empty", "name the system users of consoles")
        _require(bool(self.opener_uids), "opener_uids is empty", "name the system users of proxies")
        self._check_times_and_counts()
        _check_rules(self.proxies)
        for name, path in (("data_dir", self.data_dir), ("runtime_dir", self.runtime_dir)):
            _require(path.is_absolute(), f"{name} is {str(path)!r}", "use an absolute path")
        _check_page_url("public_url", self.public_url)
        _check_page_url("console_url", self.console_url)
        _check_passkey_policy(self.deposits_need_passkey, self.public_url)
        for destination in self.destinations:
            check_destination(destination, plain_http=self.dangerously_allow_plain_http_to_loopback)

    def _check_times_and_counts(self) -> None:
        _require(0 < self.lease_s <= 3600, f"lease_s is {self.lease_s}", "use at most 3600")
        _require(
            0 < self.ticket_lifetime_s <= 3600,
            f"ticket_lifetime_s is {self.ticket_lifetime_s}",
            "use at most 3600",
        )
        _require(
            0 <= self.sealing_key_days <= 3650,
            f"sealing_key_days is {self.sealing_key_days}",
            "use at most 3650, or 0 for never",
        )
        _require(
            1 <= self.erasure_final_days <= 3650,
            f"erasure_final_days is {self.erasure_final_days}",
            "use 1 to 3650",
        )
        _require(
            1 <= self.opens_per_minute <= _HIGHEST_QUOTA,
            f"opens_per_minute is {self.opens_per_minute}",
            f"use 1 to {_HIGHEST_QUOTA}",
        )
        _require(1 <= self.opens_days <= 3650, f"opens_days is {self.opens_days}", "use 1 to 3650")
        _require(1 <= self.audit_days <= 3650, f"audit_days is {self.audit_days}", "use 1 to 3650")

    @property
    def plain_origins(self) -> tuple[str, ...]:
        """Origins that get keys in the clear, for the log."""
        return tuple(each.origin for each in self.destinations if each.origin.startswith("http://"))


def _check_rules(rules: tuple[ProxyRule, ...]) -> None:
    uids = [rule.uid for rule in rules]
    for rule in rules:
        _require(
            bool(_NAME.fullmatch(rule.name)), f"proxy name is {rule.name!r}", "use letters, digits, . _ and -"
        )
        _require(
            uids.count(rule.uid) == 1,
            f"the proxy user {rule.uid} stands there twice",
            "the kernel tells users apart, not names: give each its own system user",
        )
        _require(
            0 <= rule.opens_per_minute <= _HIGHEST_QUOTA,
            f"opens_per_minute of {rule.name} is {rule.opens_per_minute}",
            f"use 1 to {_HIGHEST_QUOTA}, or 0 for the vault's",
        )
        for organization in rule.organizations:
            _require(is_id("org", organization), f"organization is {organization!r}", "write its id, org_…")


def check_destination(destination: Destination, *, plain_http: bool = False) -> None:
    """Refuse a destination that is no https origin or, where allowed, no plain one of this machine.

    Raises `ValueError` with a hint.
    """
    _require(
        destination.provider in PROVIDERS,
        f"provider is {destination.provider!r}",
        f"use one of {', '.join(PROVIDERS)}",
    )
    _check_origin(destination.origin, plain_http=plain_http)
    label = destination.label
    _require(
        0 < len(label) <= 80 and label.isprintable(),
        f"destination label is {label!r}",
        "use 1 to 80 printable characters",
    )


def _check_origin(origin: str, *, plain_http: bool) -> None:
    plain = bool(_PLAIN_ORIGIN.fullmatch(origin))
    port = origin.removeprefix("https://").partition(":")[2]
    if plain:
        _require(
            plain_http,
            f"destination origin is {origin!r}, which would get keys in the clear",
            "write https://, or, if you mean it, set dangerously_allow_plain_http_to_loopback",
        )
        port = origin.rpartition(":")[2]
    _require(
        (plain or bool(_ORIGIN.fullmatch(origin))) and port != "443" and int(port or 1) <= _HIGHEST_PORT,
        f"destination origin is {origin!r}",
        "write https://, the lower-case host and only a port that is not 443: no path, user or query",
    )


def _check_page_url(name: str, url: str) -> None:
    parts = urlsplit(url)
    plain = not (parts.username or parts.password or parts.query or parts.fragment) and parts.path in (
        "",
        "/",
    )
    _require(bool(parts.hostname) and plain, f"{name} is {url!r}", "use scheme, host and port only")
    # Plain HTTP would let anyone on the way swap the script that sees the key.
    safe = parts.scheme == "https" or (
        parts.scheme == "http" and _LOOPBACK.fullmatch(parts.hostname or "") is not None
    )
    _require(safe, f"{name} is {url!r}", "use https; http is for loopback names only")


def _check_passkey_policy(policy: tuple[str, ...], public_url: str) -> None:
    for each in policy:
        _require(
            each == ALL or is_id("org", each),
            f"deposits_need_passkey has {each!r}",
            f"use {ALL}, or ids of organizations, org_…",
        )
    party = relying_party(public_url)
    _require(
        not policy or party.is_name,
        f"deposits_need_passkey is set, and browsers keep no passkey for {party.id}",
        "give public_url a host name, such as vault.localhost",
    )


def _require(held: bool, what: str, hint: str) -> None:
    if not held:
        msg = f"{what}; hint: {hint}"
        raise ValueError(msg)
