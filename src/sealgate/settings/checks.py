"""The rules between settings: what may listen where, in the clear or not, under which names.

Counterpart: `table`. Each rule raises `SettingsError` with the setting, the value and a hint.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from sealgate.ids import Prefix, is_id, new_id
from sealgate.listening.peers import PeersError, TrustedPeers, is_loopback
from sealgate.settings.mail import MailSettings
from sealgate.settings.table import (
    ConsoleSettings,
    ProxySettings,
    Settings,
    SettingsError,
    VaultSettings,
    host_of,
    uid_of,
)

Section = VaultSettings | ConsoleSettings | ProxySettings

_LOOPBACK_NAME = re.compile(r"(?:[a-z0-9-]+\.)*localhost|127\.[0-9.]+|::1")
_PLAIN_ORIGIN = re.compile(r"http://(?:127\.0\.0\.1|\[::1\]|(?:[a-z0-9-]+\.)+localhost):[0-9]+")


def check(settings: Settings) -> Settings:
    """Every rule that concerns more than one value; gives the settings back."""
    _check_ids(settings)
    _check_paths(settings)
    _check_trusted_proxies(settings)
    for name, section in sections(settings):
        _check_tls(name, section)
        _check_in_the_clear(name, section, settings.trusted_proxies)
        _check_url(name, section, settings.trusted_proxies)
    for name, host, _port in admin_listeners(settings):
        if not is_loopback(host):
            raise SettingsError(
                f"{name}.admin_host is {host!r}, which is not loopback: its pages are for "
                "operators alone. hint: listen on 127.0.0.1 and have a collector on this machine ask it"
            )
    _check_distinct(settings)
    _check_plain_origins(settings)
    for user in (settings.users.vault, settings.users.console, settings.users.proxy):
        uid_of(user)
    _check_processes(settings)
    _check_mail(settings.mail)
    _check_password_file("limits.store_password_file", settings.limits.store_password_file)
    _check_password_file("telemetry.headers_file", settings.telemetry.headers_file)
    return settings


def _check_mail(mail: MailSettings) -> None:
    if not mail.host:
        return
    if not mail.sender:
        raise SettingsError("mail.sender is empty. hint: name the address that notices come from")
    if mail.tls == "none" and not _LOOPBACK_NAME.fullmatch(mail.host):
        raise SettingsError(
            f"mail.tls is 'none' and mail.host {mail.host!r} is not this machine. hint: use starttls or tls"
        )
    if bool(mail.user) != bool(mail.password_file):
        raise SettingsError("mail.user and mail.password_file go together. hint: set both or neither")
    _check_password_file("mail.password_file", mail.password_file)


def _check_password_file(name: str, text: str) -> None:
    """Nobody else may read it; one that this user cannot look at is for its process to complain of."""
    path = Path(text)
    try:
        status = path.stat()
    except OSError:
        return
    if stat.S_ISREG(status.st_mode) and status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        raise SettingsError(f"{name} {path} has mode {mode:04o}. hint: chmod 0400 {path}")


def sections(settings: Settings) -> tuple[tuple[str, Section], ...]:
    """The three listeners' settings by name."""
    return (("vault", settings.vault), ("console", settings.console), ("proxy", settings.proxy))


def admin_listeners(settings: Settings) -> tuple[tuple[str, str, int], ...]:
    """Who has a port for operators, on which address and port."""
    pairs = (("vault", settings.vault), ("proxy", settings.proxy))
    return tuple((name, section.admin_host, section.admin_port) for name, section in pairs)


def _check_ids(settings: Settings) -> None:
    found: tuple[tuple[str, Prefix, str], ...] = (
        ("instance", "inst", settings.instance),
        ("proxy.id", "prx", settings.proxy.id),
    )
    for name, prefix, value in found:
        if value and not is_id(prefix, value):
            raise SettingsError(
                f"{name} {value!r} is no id. hint: it looks like {prefix}_ and 20 characters; leave it "
                f"out and "
                "`sealgate up` makes one"
            )


def _check_paths(settings: Settings) -> None:
    for name, value in _paths(settings):
        if value and not (Path(value).is_absolute() and value.isprintable()):
            raise SettingsError(f"{name} must be an absolute path, not {value!r}. hint: start it with /")
    if not settings.data_dir:
        raise SettingsError("data_dir is empty. hint: name a folder such as /var/lib/sealgate")


def _paths(settings: Settings) -> Iterator[tuple[str, str]]:
    yield from (("data_dir", settings.data_dir), ("runtime_dir", settings.runtime_dir))
    yield "egress.ca_file", settings.egress.ca_file
    yield from (("mail.ca_file", settings.mail.ca_file), ("mail.password_file", settings.mail.password_file))
    yield "limits.store_password_file", settings.limits.store_password_file
    yield "limits.store_ca_file", settings.limits.store_ca_file
    yield "telemetry.headers_file", settings.telemetry.headers_file
    yield "telemetry.ca_file", settings.telemetry.ca_file
    for file in ("pkcs11_module", "pkcs11_pin_file", "transit_token_file", "transit_ca_file"):
        yield f"kek.{file}", getattr(settings.kek, file)
    for name, section in sections(settings):
        yield f"{name}.tls_certificate", section.tls_certificate
        yield f"{name}.tls_key", section.tls_key


def _check_trusted_proxies(settings: Settings) -> None:
    try:
        TrustedPeers(settings.trusted_proxies)
    except PeersError as error:
        raise SettingsError(f"trusted_proxies: {error}") from error


def _check_tls(name: str, section: Section) -> None:
    if bool(section.tls_certificate) != bool(section.tls_key):
        given, missing = ("certificate", "key") if section.tls_certificate else ("key", "certificate")
        raise SettingsError(
            f"{name}.tls_{given} is given without {name}.tls_{missing}. hint: give both, or neither"
        )


def _check_in_the_clear(name: str, section: Section, trusted_proxies: tuple[str, ...]) -> None:
    if section.tls_certificate or trusted_proxies or is_loopback(section.host):
        return
    raise SettingsError(
        f"{name}.host is {section.host!r}, which is not loopback: keys and prompts would travel in the "
        f"clear. "
        f"hint: set {name}.tls_certificate and {name}.tls_key, or listen on 127.0.0.1, or name the "
        f"proxies that "
        "terminate TLS in trusted_proxies"
    )


def _check_url(name: str, section: Section, trusted_proxies: tuple[str, ...]) -> None:
    parts = urlsplit(section.url)
    encrypted = bool(section.tls_certificate)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port == -1 or not parts.hostname or section.url != section.url.lower():
        raise SettingsError(
            f"{name}.url is {section.url!r}. hint: write it in lower case, such as https://{name}.example"
        )
    if parts.scheme == "http" and encrypted:
        raise SettingsError(f"{name}.url is {section.url!r}, but it has a certificate. hint: write https://")
    if parts.scheme == "http" and not _LOOPBACK_NAME.fullmatch(parts.hostname):
        raise SettingsError(
            f"{name}.url is {section.url!r}: http is for loopback names only. hint: write https://, and set "
            f"{name}.tls_certificate or trusted_proxies"
        )
    if parts.scheme == "https" and not encrypted and not trusted_proxies:
        raise SettingsError(
            f"{name}.url is {section.url!r}, but nothing terminates TLS for it. hint: set "
            f"{name}.tls_certificate "
            'and the key, or name the proxy in front: trusted_proxies = ["127.0.0.1"]'
        )


def _check_distinct(settings: Settings) -> None:
    for (one, first), (other, second) in combinations(sections(settings), 2):
        if host_of(first.url) == host_of(second.url):
            raise SettingsError(
                f"{one}.url and {other}.url have the same host name {host_of(first.url)!r}: browsers "
                f"would send "
                "the cookies of one to the other. hint: give each a name of its own"
            )
    ports = [(f"{name}.port", section.port) for name, section in sections(settings)]
    ports += [(f"{name}.admin_port", port) for name, _host, port in admin_listeners(settings)]
    for (one, port), (other, same) in combinations(ports, 2):
        if port == same:
            raise SettingsError(f"{one} and {other} are both {port}. hint: give each a port of its own")


def _check_processes(settings: Settings) -> None:
    """What a process would refuse is refused here, before anything is made or started."""
    proxy = msgspec.structs.replace(settings.proxy, id=settings.proxy.id or new_id("prx"))
    whole = msgspec.structs.replace(settings, instance=settings.instance or new_id("inst"), proxy=proxy)
    for name, make in (
        ("vault", whole.vault_config),
        ("console", whole.console_config),
        ("proxy", whole.proxy_config),
    ):
        try:
            make()
        except SettingsError:
            raise
        except ValueError as error:
            raise SettingsError(f"[{name}] {error}") from error


def _check_plain_origins(settings: Settings) -> None:
    allowed = settings.vault.dangerously_allow_plain_http_to_loopback
    for each in settings.vault.destinations:
        plain = each.origin.startswith("http://")
        if plain and not _PLAIN_ORIGIN.fullmatch(each.origin):
            raise SettingsError(
                f"vault.destinations: the origin {each.origin!r} would get keys in the clear. hint: write "
                f"https://; "
                "http is for http://127.0.0.1:port, http://[::1]:port and http://*.localhost:port"
            )
        if plain and not allowed:
            raise SettingsError(
                f"vault.destinations: the origin {each.origin!r} would get keys in the clear on this "
                f"machine. hint: "
                "if you mean it, set dangerously_allow_plain_http_to_loopback in [vault] and in [egress]"
            )
