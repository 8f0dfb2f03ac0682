"""Where settings come from: the environment before the file, the file before defaults, ids beside the data.

Counterpart: `test_settings.py`, which has every value that cannot be meant.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.settings import (
    IDENTITY_NAME,
    OTHER_VARIABLES,
    Settings,
    SettingsError,
    identify,
    load,
    make_identity,
    read,
    rows,
)
from tests.test_settings import file_with, good, with_changes

# The environment.


def test_the_environment_wins_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    path = file_with(tmp_path, with_changes(tmp_path, {"vault": {"port": 9001}, "console": {"port": 9002}}))
    settings = read(path, {"SEALGATE_VAULT_PORT": "9101", "PATH": "/bin"})
    assert (settings.vault.port, settings.console.port, settings.proxy.port) == (9101, 9002, 8702)


def test_the_environment_can_bring_everything(tmp_path: Path) -> None:
    environment = {
        "SEALGATE_DATA_DIR": str(tmp_path),
        "SEALGATE_TRUSTED_PROXIES": "127.0.0.1, 10.1.0.0/16",
        "SEALGATE_PROXY_HOSTS": "ai.example",
        "SEALGATE_PROXY_CREDENTIAL_CACHE_S": "0",
        "SEALGATE_EGRESS_DANGEROUSLY_ALLOW_PLAIN_HTTP_TO_LOOPBACK": "true",
    }
    settings = read(file_with(tmp_path, {}), environment)
    assert settings.trusted_proxies == ("127.0.0.1", "10.1.0.0/16")
    assert settings.proxy.hosts == ("ai.example",)
    assert settings.proxy.credential_cache_s == 0
    assert settings.egress.dangerously_allow_plain_http_to_loopback


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("SEALGATE_VAULT_PROT", "8701", "SEALGATE_VAULT_PROT"),
        ("SEALGATE_", "", "SEALGATE_"),
        ("SEALGATE_PORT", "1", "SEALGATE_PORT"),
        ("SEALGATE_VAULT_DESTINATIONS", "[]", "SEALGATE_VAULT_DESTINATIONS"),
        ("SEALGATE_VAULT_PORT", "0", "SEALGATE_VAULT_PORT"),
        ("SEALGATE_VAULT_PORT", "many", "SEALGATE_VAULT_PORT"),
        ("SEALGATE_VAULT_PORT", "", "SEALGATE_VAULT_PORT"),
        ("SEALGATE_PROXY_CREDENTIAL_CACHE_S", "soon", "SEALGATE_PROXY_CREDENTIAL_CACHE_S"),
        ("SEALGATE_EGRESS_DANGEROUSLY_ALLOW_PLAIN_HTTP_TO_LOOPBACK", "perhaps", "DANGEROUSLY"),
        ("SEALGATE_CONSOLE_HOST", "0.0.0.0", "console.host"),
        ("SEALGATE_DATA_DIR", "data", "data_dir"),
    ],
)
def test_a_wrong_variable_is_named_with_a_hint(tmp_path: Path, variable: str, value: str, named: str) -> None:
    with pytest.raises(SettingsError, match="hint:") as caught:
        read(file_with(tmp_path, good(tmp_path)), {variable: value})
    assert named in str(caught.value)


@pytest.mark.parametrize("variable", OTHER_VARIABLES)
def test_a_variable_with_another_use_is_no_setting(tmp_path: Path, variable: str) -> None:
    read(file_with(tmp_path, good(tmp_path)), {variable: "x"})


def test_every_setting_outside_lists_has_a_variable_of_its_own() -> None:
    variables = [row.variable for row in rows() if "[]" not in row.name]
    assert all(variables)
    assert len(set(variables) | set(OTHER_VARIABLES)) == len(variables) + len(OTHER_VARIABLES)


# Files that cannot be read.


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load(tmp_path / "absent.toml", {})
    (tmp_path / "bad.toml").write_text("instance = ")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(tmp_path / "bad.toml", {})
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(tmp_path / "binary.toml", {})


def test_a_missing_data_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="data_dir"):
        read(file_with(tmp_path, {}), {})


# Ids.


def anonymous(tmp_path: Path) -> Settings:
    return read(file_with(tmp_path, {"data_dir": str(tmp_path)}), {})


def test_ids_are_made_once_and_found_again(tmp_path: Path) -> None:
    settings = anonymous(tmp_path)
    assert make_identity(settings)
    first = identify(settings)
    assert not make_identity(settings)
    assert identify(settings) == first
    assert first.instance.startswith("inst_")
    assert first.proxy.id.startswith("prx_")


def test_a_start_without_ids_is_told_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="sealgate up"):
        identify(anonymous(tmp_path))


@pytest.mark.parametrize("database", ["vault/vault.db", "console/console.db"])
def test_ids_are_never_made_anew_beside_a_database(tmp_path: Path, database: str) -> None:
    (tmp_path / database).parent.mkdir()
    (tmp_path / database).touch()
    with pytest.raises(SettingsError, match="put it back from its backup"):
        make_identity(anonymous(tmp_path))


def test_another_instance_in_the_file_than_in_the_folder_is_refused(tmp_path: Path) -> None:
    make_identity(anonymous(tmp_path))
    settings = msgspec.structs.replace(anonymous(tmp_path), instance=new_id("inst"))
    with pytest.raises(SettingsError, match="keep one of them"):
        identify(settings)


@pytest.mark.parametrize("content", ["", "instance = 'x'", "instance = ", 'instance="x"\nproxy="y"'])
def test_a_damaged_file_of_ids_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / IDENTITY_NAME).write_text(content)
    with pytest.raises(SettingsError, match="hint:"):
        identify(anonymous(tmp_path))
