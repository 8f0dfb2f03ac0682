"""The settings file: a wrong value is named with a hint; nothing listens in the clear beyond loopback."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sealgate.ids import new_id
from sealgate.settings import Settings, SettingsError, check, load, parse, write

DESTINATION = {"provider": "openai", "origin": "https://x", "label": "x"}


def good(tmp_path: Path) -> dict[str, object]:
    return {
        "instance": new_id("inst"),
        "data_dir": str(tmp_path / "data"),
        "runtime_dir": str(tmp_path / "run"),
        "proxy": {"id": new_id("prx")},
    }


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    settings = check(parse(good(tmp_path), "test"))
    path = tmp_path / "sealgate.toml"
    write(settings, path)
    assert load(path) == settings
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


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"surprise": 1}, "surprise"),
        ({"vault": {"prot": 8701}}, "prot"),
        ({"vault": {"port": 0}}, "port"),
        ({"vault": {"port": "8701"}}, "port"),
        ({"vault": {"hosts": []}}, "hosts"),
        ({"vault": {"url": "vault.example"}}, "url"),
        ({"vault": {"destinations": [{"provider": "openai", "origin": "http://x", "label": "x"}]}}, "origin"),
        (
            {"vault": {"destinations": [{"provider": "openai", "origin": "https://x/v1", "label": "x"}]}},
            "origin",
        ),
        ({"proxy": {"credential_cache_s": -1}}, "credential_cache_s"),
        ({"proxy": {"id": "proxy"}}, "proxy.id"),
        ({"instance": "mine"}, "instance"),
        ({"data_dir": "data"}, "data_dir"),
        ({"runtime_dir": "run"}, "runtime_dir"),
        ({"egress": {"ca_file": 3}}, "ca_file"),
    ],
)
def test_a_wrong_setting_is_named_with_a_hint(tmp_path: Path, change: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match="hint:") as caught:
        check(parse({**good(tmp_path), **change}, "sealgate.toml"))
    assert named in str(caught.value)


@pytest.mark.parametrize("process", ["vault", "console", "proxy"])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_plain_http_beyond_loopback_is_refused(tmp_path: Path, process: str, host: str) -> None:
    change = {process: {"host": host, "id": new_id("prx")} if process == "proxy" else {"host": host}}
    with pytest.raises(SettingsError, match="in the clear"):
        check(parse({**good(tmp_path), **change}, "sealgate.toml"))


@pytest.mark.parametrize("missing", ["instance", "data_dir", "runtime_dir"])
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    raw = {name: value for name, value in good(tmp_path).items() if name != missing}
    with pytest.raises(SettingsError, match=missing):
        parse(raw, "sealgate.toml")


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read"):
        load(tmp_path / "absent.toml")
    (tmp_path / "bad.toml").write_text("instance = ")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="is not TOML"):
        load(tmp_path / "binary.toml")


def test_every_setting_has_a_meaning() -> None:
    def meanings(struct: type[msgspec.Struct]) -> None:
        for field in msgspec.structs.fields(struct):
            inner = field.type
            if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
                meanings(inner)
            else:
                assert getattr(inner, "__metadata__", ()), f"{struct.__name__}.{field.name}"

    meanings(Settings)
