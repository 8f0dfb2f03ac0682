"""What a proxy is started with: plain values, checked once.

Counterpart: `sealgate.settings` makes it, `process.run` takes it. Holds no secret.
"""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from sealgate.ids import is_id
from sealgate.listening.certificates import TlsFiles
from sealgate.listening.peers import is_loopback
from sealgate.proxy.egress import parse_forward_proxy
from sealgate.proxy.networks import parse_networks
from sealgate.proxy.store_config import StoreConfig
from sealgate.proxy.telemetry_config import TelemetryConfig

MIB = 1_048_576
_HIGHEST_PORT = 65_535
_HOST = re.compile(r"[a-z0-9.-]{1,253}|\[[0-9a-f:.]+\]")
_PROXY_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ProxyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One proxy. A port of 0 takes a free one; raises `ValueError` with a hint for what cannot be meant."""

    instance: str
    data_dir: Path
    """Journal and snapshot: on a local disk, readable by this user alone."""
    runtime_dir: Path
    """Where `vault-opener.sock` and `console-feed.sock` are."""
    host: str = "127.0.0.1"
    port: int = 8702
    admin_host: str = "127.0.0.1"
    admin_port: int = 8703
    hosts: tuple[str, ...] = ("proxy.localhost", "localhost", "127.0.0.1")
    """Names that the proxy answers to, without port."""
    proxy_id: str = "proxy"
    """Distinct for every proxy of an instance: usage is counted once by it."""
    egress_ca_file: Path | None = None
    """Certificate authorities for the way out, instead of the system's."""
    egress_proxy: str = ""
    """`http://host:port` of a proxy to reach providers through (HTTP CONNECT); empty for none."""
    egress_networks: tuple[str, ...] = ()
    """Networks of the house where providers may be; others that are not public are refused."""
    dangerously_allow_plain_http_to_loopback: bool = False
    """Let keys go in the clear to origins of this machine."""
    vault_uids: tuple[int, ...] | None = None
    console_uids: tuple[int, ...] | None = None
    """System users that vault and console may run as; None: any. Whoever else listens is left alone."""
    tls: TlsFiles | None = None
    """Certificate of the listener; None for plain HTTP."""
    trusted_proxies: tuple[str, ...] = ()
    """Proxies in front that may come in the clear from beyond this machine."""
    credential_cache_s: float = 30.0
    connection_limit: int = 10_000
    connections_per_address: int = 1_000
    """Proxies in front and this machine are not counted; 0: nobody is."""
    keep_alive_s: float = 75.0
    head_s: float = 15.0
    body_s: float = 60.0
    drain_s: float = 20.0
    known_applications: int = 10_000
    snapshot_age_s: float = 86_400.0
    journal_segment_bytes: int = 16 * MIB
    journal_limit_bytes: int = 1_024 * MIB
    workers: int = 1
    """Processes that share the port; each has a folder of its own in `data_dir`."""
    listener_fd: int | None = None
    """A socket that listens already, shared with other workers; None: `host` and `port`."""
    handed_over_fd: int | None = None
    """The same, of a proxy that is alone: whoever started it keeps it open over restarts."""
    admin_socket: Path | None = None
    """Where the pages for operators are asked for instead of `admin_port`: who started us shows them."""
    limit_store: StoreConfig | None = None
    """Where limits and budgets are counted with other processes; None: in this one alone."""
    telemetry: TelemetryConfig | None = None
    """Where traces and metrics are sent; None: nowhere."""
    debug_wire: bool = False
    """Print what comes and goes on both hops, without content."""

    def __post_init__(self) -> None:
        """Check every value."""
        self._check_names()
        if self.egress_proxy:
            parse_forward_proxy(self.egress_proxy)
        parse_networks(self.egress_networks)
        for name in ("port", "admin_port"):
            if not 0 <= getattr(self, name) <= _HIGHEST_PORT:
                raise ValueError(f"{name} is out of range. hint: 0 to {_HIGHEST_PORT}; 0 takes a free one")
        for name in ("keep_alive_s", "head_s", "body_s", "snapshot_age_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be more than 0. hint: it is a number of seconds")
        for name in ("credential_cache_s", "drain_s"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative. hint: 0 is allowed")
        if self.workers < 1 or (self.workers > 1 and self.limit_store is None):
            raise ValueError(
                f"proxy.workers is {self.workers}, and each would count limits by itself: sessions would get "
                "as much from each. hint: set limits.store to a Valkey or Redis, or take one worker"
            )
        self._check_clients()
        if self.connection_limit < 1 or self.known_applications < 1:
            raise ValueError("connection_limit and known_applications must be at least 1. hint: see settings")
        if self.journal_segment_bytes < 16_384 or self.journal_limit_bytes < 3 * self.journal_segment_bytes:
            raise ValueError(
                "the journal is too small. hint: segments of 16 KiB at least, three of them within the limit"
            )

    def _check_clients(self) -> None:
        if self.debug_wire and not is_loopback(self.host):
            raise ValueError(
                f"--debug-wire prints sizes and moments of what people are answered, and proxy.host is "
                f"{self.host!r}. hint: listen on 127.0.0.1, for a test"
            )
        if self.connections_per_address < 0:
            raise ValueError("connections_per_address must not be negative. hint: 0 sets no limit")

    def _check_names(self) -> None:
        if not is_id("inst", self.instance):
            raise ValueError(f"instance {self.instance!r} is no instance id. hint: it looks like 'inst_…'")
        if not _PROXY_ID.fullmatch(self.proxy_id):
            raise ValueError(f"proxy_id {self.proxy_id!r} is not usable. hint: 1 to 64 of A-Z a-z 0-9 _ . -")
        bad = [host for host in self.hosts if not _HOST.fullmatch(host)]
        if bad or not self.hosts:
            raise ValueError(f"hosts holds {bad!r}. hint: lower-case names without port, at least one")
