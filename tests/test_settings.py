"""The settings: a wrong value is named with a hint, wherever it comes from; nothing speaks in the clear
beyond this machine unless a proxy that terminates TLS is named.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sealgate.ids import new_id
from sealgate.settings import (
    Row,
    SettingsError,
    check,
    load,
    parse,
    read,
    rows,
    write,
)

HTTPS = {
    "vault": {"url": "https://vault.example"},
    "console": {"url": "https://console.example"},
    "proxy": {"url": "https://ai.example"},
}
PLAIN_ORIGIN = {"provider": "openai", "origin": "http://127.0.0.1:11434", "label": "x"}


def good(tmp_path: Path) -> dict[str, Any]:
    return {
        "instance": new_id("inst"),
        "data_dir": str(tmp_path / "data"),
        "runtime_dir": str(tmp_path / "run"),
        "proxy": {"id": new_id("prx")},
    }


def with_changes(tmp_path: Path, change: dict[str, Any]) -> dict[str, Any]:
    raw = good(tmp_path)
    for name, value in change.items():
        raw[name] = {**raw.get(name, {}), **value} if isinstance(value, dict) else value
    return raw


def file_with(tmp_path: Path, raw: dict[str, Any]) -> Path:
    path = tmp_path / "sealgate.toml"
    path.write_text(tomli_w.dumps(raw))
    return path


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    settings = check(parse(good(tmp_path), "test"))
    path = tmp_path / "sealgate.toml"
    write(settings, path)
    assert load(path, {}) == settings
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_three_processes_get_folders_of_their_own(tmp_path: Path) -> None:
    settings = check(parse(good(tmp_path), "test"))
    folders = {
        settings.vault_config().data_dir,
        settings.console_config().data_dir,
        settings.proxy_config().data_dir,
    }
    assert len(folders) == 3
    assert settings.vault_config().console_url == settings.console_config().public_url


def test_a_data_folder_is_all_that_must_be_said(tmp_path: Path) -> None:
    settings = read(file_with(tmp_path, {"data_dir": str(tmp_path)}), {})
    assert settings.runtime_folder == tmp_path / "run"
    assert settings.vault.url == "http://vault.localhost:8701"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"surprise": 1}, "surprise"),
        ({"surprise": {"a": 1}}, "surprise"),
        ({"vault": {"prot": 8701}}, "prot"),
        ({"vault": {"port": 0}}, "port"),
        ({"vault": {"port": 65_536}}, "port"),
        ({"vault": {"port": "8701"}}, "port"),
        ({"vault": {"port": True}}, "port"),
        ({"vault": {"hosts": "vault.localhost"}}, "hosts"),
        ({"vault": {"url": "vault.example"}}, "url"),
        ({"vault": {"url": "https://vault.example/path"}}, "url"),
        ({"vault": {"url": "https://me@vault.example"}}, "url"),
        ({"vault": {"url": "http://vault.localhost:99999"}}, "url"),
        ({"vault": {"url": "http://Vault.localhost"}}, "lower case"),
        ({"vault": {"destinations": [{"provider": "openai", "origin": "ftp://x", "label": "x"}]}}, "origin"),
        (
            {"vault": {"destinations": [{"provider": "openai", "origin": "https://x/v1", "label": "x"}]}},
            "origin",
        ),
        (
            {"vault": {"destinations": [{"provider": "openai", "origin": "http://x:1", "label": "x"}]}},
            "clear",
        ),
        ({"vault": {"destinations": [PLAIN_ORIGIN]}}, "dangerously_allow_plain_http_to_loopback"),
        ({"vault": {"dangerously_allow_plain_http_to_loopback": "yes"}}, "dangerously"),
        ({"proxy": {"credential_cache_s": -1}}, "credential_cache_s"),
        ({"proxy": {"id": "proxy"}}, "proxy.id"),
        ({"proxy": {"admin_host": "0.0.0.0"}}, "proxy.admin_host"),
        ({"proxy": {"admin_port": 8702}}, "proxy.admin_port"),
        ({"console": {"port": 8701}}, "console.port"),
        ({"console": {"url": "http://vault.localhost:8700"}}, "same host name"),
        ({"instance": "mine"}, "instance"),
        ({"data_dir": "data"}, "data_dir"),
        ({"data_dir": ""}, "data_dir"),
        ({"runtime_dir": "run"}, "runtime_dir"),
        ({"egress": {"ca_file": 3}}, "ca_file"),
        ({"egress": {"ca_file": "ca.pem"}}, "egress.ca_file"),
        ({"vault": {"tls_certificate": "/c.pem"}}, "vault.tls_key"),
        ({"console": {"tls_key": "/k.pem"}}, "console.tls_certificate"),
        ({"proxy": {"tls_certificate": "c.pem", "tls_key": "/k.pem"}}, "proxy.tls_certificate"),
        ({"proxy": {"tls_certificate": "/c.pem", "tls_key": "/k.pem"}}, "proxy.url"),
        ({"trusted_proxies": ["front.example"]}, "trusted_proxies"),
        ({"trusted_proxies": ["0.0.0.0/0"]}, "trusted_proxies"),
        ({"trusted_proxies": "127.0.0.1"}, "trusted_proxies"),
        ({"users": {"vault": "nobody-of-that-name"}}, "nobody-of-that-name"),
        ({"users": {"simulator": "root"}}, "simulator"),
        ({"mail": {"host": "smtp.example"}}, "mail.sender"),
        ({"mail": {"host": "smtp.example", "sender": "a@b.example", "tls": "none"}}, "mail.tls"),
        ({"mail": {"host": "smtp.example", "sender": "a@b.example", "user": "x"}}, "mail.password_file"),
        (
            {
                "mail": {
                    "host": "smtp.example",
                    "sender": "a@b.example",
                    "user": "x",
                    "password_file": "/etc/passwd",
                }
            },
            "mode",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_a_hint(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    with pytest.raises(SettingsError, match="hint:") as caught:
        read(file_with(tmp_path, with_changes(tmp_path, change)), {})
    assert named in str(caught.value)


# Every row of the table: values of the right type that cannot be meant.

_HOST = ("0.0.0.0", "::", "", "a b", "localhost:1", "\0")
_PORT = (0, -1, 65_536)
_HOSTS = ([""], ["*"], ["a b"], ["A.example"], ["a.example:80"], ["x/y"], ["https://a.example"], ["\0"])
_URL = ("", "a.example", "ftp://a.example", "https://a.example/", "https://me@a.example", "http://x:y", "\0")
_FILE = ("file.pem", "../file.pem", "/a\nb", "/a\0b")
_USER = ("nobody-of-that-name", "-1", "4294967295", "a\0b")
_RULE = {"user": "4242", "name": "edge"}
IMPOSSIBLE: dict[str, tuple[object, ...]] = {
    "data_dir": ("", "data", "./data", "/a\0b"),
    "instance": ("mine", "inst_", "prx_" + "a" * 20, "\0"),
    "runtime_dir": ("run", "/a\0b"),
    "trusted_proxies": (["front.example"], ["0.0.0.0/0"], ["::/0"], [""], ["127.0.0.1:80"]),
    "users.vault": _USER,
    "users.console": _USER,
    "users.proxy": _USER,
    "vault.host": _HOST,
    "vault.port": _PORT,
    "vault.admin_host": ("0.0.0.0", "10.0.0.1", "", "a b"),
    "vault.admin_port": _PORT,
    "vault.hosts": _HOSTS,
    "vault.url": _URL,
    "vault.tls_certificate": (*_FILE, "/alone.pem"),
    "vault.tls_key": (*_FILE, "/alone.pem"),
    "vault.destinations[]": ([{}], [{"surprise": 1}], [1]),
    "vault.destinations[].provider": ("", "x", "OpenAI", "\0"),
    "vault.destinations[].origin": (
        "",
        "x.example",
        "ftp://x",
        "https://x/v1",
        "http://x:1",
        "https://X.example",
    ),
    "vault.destinations[].label": ("", "x" * 81, "a\nb"),
    "vault.lease_s": (0, -1, 3_601, float("nan"), float("inf")),
    "vault.ticket_lifetime_s": (0, -1, 59, 3_601, float("nan"), float("inf")),
    "vault.sealing_key_days": (-1, 3_651, float("nan"), float("inf")),
    "vault.erasure_final_days": (0, -1, 3_651, float("nan"), float("inf")),
    "vault.deposits_need_passkey": (["x"], ["*"], ["org_x"], ["ALL"], [""]),
    "vault.opens_per_minute": (0, -1, 10_000_001),
    "vault.proxies[]": ([{}], [{"surprise": 1}], [1], [_RULE, _RULE]),
    "vault.proxies[].user": ("", "no such user", "-1", "\0"),
    "vault.proxies[].name": ("", "a b", "x" * 65, "a\n"),
    "vault.proxies[].organizations": (["x"], ["*"], [""], ["app_" + "a" * 20]),
    "vault.proxies[].opens_per_minute": (-1, 10_000_001),
    "vault.opens_days": (0, -1, 3_651, float("nan"), float("inf")),
    "vault.audit_days": (0, -1, 3_651, float("nan"), float("inf")),
    "vault.dangerously_allow_plain_http_to_loopback": (),
    "kek.provider": ("", "x", "File", "\0"),
    "kek.timeout_s": (0, -1, 61, float("nan"), float("inf")),
    "kek.pkcs11_module": _FILE,
    "kek.pkcs11_token": ("x" * 33, "a\nb", "\0"),
    "kek.pkcs11_pin_file": _FILE,
    "kek.aws_region": ("eu central", "EU", "x" * 33, "\0"),
    "kek.aws_endpoint": ("a.example", "ftp://a.example", "https://a.example/", "https://me@a.example"),
    "kek.transit_url": ("a.example", "ftp://a.example", "https://a.example/", "https://me@a.example"),
    "kek.transit_mount": ("", "a b", "../a", "x" * 65),
    "kek.transit_namespace": ("a b", "../a", "x" * 129),
    "kek.transit_token_file": _FILE,
    "kek.transit_ca_file": _FILE,
    "console.host": _HOST,
    "console.port": _PORT,
    "console.hosts": _HOSTS,
    "console.url": _URL,
    "console.tls_certificate": (*_FILE, "/alone.pem"),
    "console.tls_key": (*_FILE, "/alone.pem"),
    "mail.host": ("a b", "A.example", "x:25", "https://x", "-x", "\0"),
    "mail.port": _PORT,
    "mail.tls": ("", "ssl", "STARTTLS", "\0"),
    "mail.ca_file": _FILE,
    "mail.user": ("ä", "a\nb", "\0"),
    "mail.password_file": _FILE,
    "mail.sender": ("sealgate", "a b@x.example", "a@X.example", "a@x\n", "\0"),
    "proxy.host": _HOST,
    "proxy.port": _PORT,
    "proxy.admin_host": ("0.0.0.0", "10.0.0.1", "", "a b"),
    "proxy.admin_port": _PORT,
    "proxy.hosts": _HOSTS,
    "proxy.url": _URL,
    "proxy.tls_certificate": (*_FILE, "/alone.pem"),
    "proxy.tls_key": (*_FILE, "/alone.pem"),
    "proxy.id": ("proxy", "prx_", "inst_" + "a" * 20),
    "proxy.workers": (0, -1, 65, 2),  # two without a limit store
    "limits.store": ("x", "http://127.0.0.1", "redis://10.0.0.5", "rediss://a:b@counts.example", "unix://x"),
    "limits.store_user": ("a b", "ä", "a\n", "\0"),
    "limits.store_password_file": _FILE,
    "limits.store_ca_file": _FILE,
    "limits.store_timeout_s": (0, -1, 11, float("nan"), float("inf")),
    "proxy.connection_limit": (0, -1, 1_000_001),
    "proxy.connections_per_address": (-1, 1_000_001),
    "telemetry.endpoint": (
        "x",
        "http://10.0.0.5:4318",
        "https://collector.example",
        "https://a:b@collector.example:4318",
        "https://collector.example:0",
        "https://collector.example:4318/?a=b",
        "\0",
    ),
    "telemetry.headers_file": _FILE,
    "telemetry.ca_file": _FILE,
    "telemetry.traces": (-0.1, 1.1, float("nan"), float("inf")),
    "telemetry.metrics_every_s": (0, -1, 3_601, float("nan"), float("inf")),
    "limits.minutes_while_away": ("", "deny", "LOCAL", "\0"),
    "limits.streams_while_away": ("", "deny", "LOCAL", "\0"),
    "limits.budgets_while_away": ("", "deny", "LOCAL", "\0"),
    "proxy.credential_cache_s": (-1, 3_601, float("nan"), float("inf")),
    "proxy.journal_limit_mib": (0, 63, 65_537, 1.5),
    "egress.ca_file": _FILE,
    "egress.proxy": ("x", "https://x:1", "http://x", "http://me:pw@x:1", "http://x:1/path", "\0"),
    "egress.networks": (
        ["10.0.0.1/8"],
        ["300.0.0.0/8"],
        ["house"],
        ["127.0.0.0/8"],
        ["169.254.169.254"],
        ["0.0.0.0/0"],
        ["::/0"],
    ),
    "egress.dangerously_allow_plain_http_to_loopback": (),
}
_TYPES: tuple[object, ...] = ("x", 7, 1.5, True, [], ["x"], [1], {"a": 1})
_TAKEN: dict[type, type | tuple[type, ...]] = {bool: bool, int: int, float: (int, float), tuple: list}


def names() -> list[str]:
    return [row.name for row in rows()]


def put(tmp_path: Path, name: str, value: object) -> dict[str, Any]:
    """Good settings with one value at the place of a row."""
    section, _, key = name.replace("[].", ".").removesuffix("[]").rpartition(".")
    if "proxies[]." in name:
        section, key, value = "vault", "proxies", [{**_RULE, key: value}]
    elif "[]." in name:
        entry = {"provider": "openai", "origin": "https://x.example", "label": "X", key: value}
        section, key, value = "vault", "destinations", [entry]
    raw = good(tmp_path)
    if section:
        raw[section] = {**raw.get(section, {}), key: value}
    else:
        raw[key] = value
    return raw


def of_another_type(name: str) -> list[object]:
    """Values that TOML has and this row's type does not."""
    default = next(row.default for row in rows() if row.name == name)
    takes = next((types for plain, types in _TAKEN.items() if isinstance(default, plain)), str)
    return [
        value
        for value in _TYPES
        if not isinstance(value, takes) or (isinstance(value, bool) and takes is not bool) or value == [1]
    ]


def test_no_setting_is_left_out() -> None:
    assert set(IMPOSSIBLE) == set(names())


@pytest.mark.parametrize("name", names())
def test_every_setting_refuses_what_cannot_be_meant_with_a_hint(tmp_path: Path, name: str) -> None:
    for value in IMPOSSIBLE[name]:
        with pytest.raises(SettingsError, match="hint:"):
            read(file_with(tmp_path, put(tmp_path, name, value)), {})


@pytest.mark.parametrize("name", names())
def test_every_setting_refuses_every_other_type_and_is_named(tmp_path: Path, name: str) -> None:
    wrong = of_another_type(name)
    assert len(wrong) >= 5
    for value in wrong:
        with pytest.raises(SettingsError, match="hint:") as caught:
            read(file_with(tmp_path, put(tmp_path, name, value)), {})
        assert name.rstrip("[]").rpartition(".")[2] in str(caught.value), value


@pytest.mark.parametrize("row", [row for row in rows() if row.variable], ids=lambda row: row.variable)
def test_every_variable_refuses_what_cannot_be_meant_with_a_hint(tmp_path: Path, row: Row) -> None:
    impossible = [
        ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for value in (*IMPOSSIBLE[row.name], *(("perhaps", "") if "dangerously" in row.name else ()))
        if value not in ([""], "")  # an empty variable says: nothing
    ]
    assert impossible
    for text in impossible:
        with pytest.raises(SettingsError, match="hint:"):
            read(file_with(tmp_path, good(tmp_path)), {row.variable: text})


@pytest.mark.parametrize("process", ["vault", "console", "proxy"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_plain_http_beyond_loopback_is_refused(tmp_path: Path, process: str, host: str) -> None:
    with pytest.raises(SettingsError, match="in the clear"):
        check(parse(with_changes(tmp_path, {process: {"host": host}}), "sealgate.toml"))


@pytest.mark.parametrize("process", ["vault", "console", "proxy"])
def test_a_public_name_needs_somebody_who_terminates_tls(tmp_path: Path, process: str) -> None:
    plain = {process: {"url": HTTPS[process]["url"].replace("https", "http")}}
    with pytest.raises(SettingsError, match="http is for loopback names only"):
        check(parse(with_changes(tmp_path, plain), "x"))
    nobody = {process: HTTPS[process]}
    with pytest.raises(SettingsError, match="nothing terminates TLS"):
        check(parse(with_changes(tmp_path, nobody), "x"))


def test_with_certificates_it_may_listen_everywhere(tmp_path: Path) -> None:
    tls = {"host": "0.0.0.0", "tls_certificate": "/c.pem", "tls_key": "/k.pem"}
    raw = with_changes(tmp_path, {name: {**section, **tls} for name, section in HTTPS.items()})
    settings = check(parse(raw, "x"))
    files = settings.vault_config().tls
    assert files is not None
    assert (files.certificate, files.key, files.host) == (Path("/c.pem"), Path("/k.pem"), "vault.example")


def test_behind_named_proxies_it_may_listen_in_the_clear(tmp_path: Path) -> None:
    raw = with_changes(tmp_path, {"trusted_proxies": ["10.1.2.3"], **HTTPS})
    raw["console"]["host"] = "0.0.0.0"
    config = check(parse(raw, "x")).console_config()
    assert config.trusted_proxies == ("10.1.2.3",)
    assert config.tls is None


def test_a_process_answers_to_the_name_in_its_url(tmp_path: Path) -> None:
    raw = with_changes(tmp_path, {"trusted_proxies": ["127.0.0.1"], **HTTPS})
    assert "ai.example" in check(parse(raw, "x")).proxy_config().hosts


def test_the_journal_may_take_what_the_settings_say(tmp_path: Path) -> None:
    raw = with_changes(tmp_path, {"proxy": {"journal_limit_mib": 64}})
    assert check(parse(raw, "x")).proxy_config().journal_limit_bytes == 64 * 1_024 * 1_024


def test_each_socket_is_for_the_user_of_its_one_peer(tmp_path: Path) -> None:
    raw = with_changes(tmp_path, {"users": {"vault": "61001", "console": "61002", "proxy": "61003"}})
    settings = check(parse(raw, "x"))
    vault, console, proxy = settings.vault_config(), settings.console_config(), settings.proxy_config()
    assert (vault.desk_uids, vault.opener_uids) == ((61002,), (61003,))
    assert (console.allowed_uids, console.vault_uids) == ((61003,), (61001,))
    assert (proxy.vault_uids, proxy.console_uids) == ((61001,), (61002,))


def test_without_users_everything_runs_as_one(tmp_path: Path) -> None:
    vault = check(parse(good(tmp_path), "x")).vault_config()
    assert vault.desk_uids == vault.opener_uids == (os.getuid(),)


def test_every_setting_has_a_meaning() -> None:
    for row in rows():
        assert row.meaning, row.name
