"""From the environment, a TOML file and defaults (in this order) to checked settings.

Counterpart: `table`. A variable is `SEALGATE_`, section and name in capitals: `SEALGATE_VAULT_PORT` is
`vault.port`. An unknown one is refused: a mistyped variable must not leave a default in force unseen.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import msgspec
import tomli_w
from msgspec import Struct

from sealgate.settings.checks import check
from sealgate.settings.identity import identify
from sealgate.settings.table import Settings, SettingsError

PREFIX = "SEALGATE_"

# With our prefix, but no settings of an installation.
OTHER_VARIABLES: Mapping[str, str] = {
    "SEALGATE_CONSOLE": "The scripts: the console's address.",
    "SEALGATE_OPENAI_KEY_FILE": "`make demo`: file with a real OpenAI key to deposit.",
    "SEALGATE_REQUIRE": "The tests: `all` turns a missing tool into a failure.",
    "SEALGATE_SUPERVISED_BY": "Set by the supervisor in its processes.",
    "SEALGATE_TEST_TRANSIT_CA_FILE": "The tests: PEM file of authorities for that engine.",
    "SEALGATE_TEST_TRANSIT_MOUNT": "The tests: where its transit engine is mounted.",
    "SEALGATE_TEST_TRANSIT_TOKEN_FILE": "The tests: file with a token for it, mode 0400.",
    "SEALGATE_TEST_TRANSIT_URL": "The tests: a real HashiCorp Vault or OpenBao to try KEKs with.",
    "SEALGATE_TOKEN": "The scripts: token of the management API.",
}


class Row(Struct, frozen=True):
    """One setting as the reference shows it. `variable` is empty where it can stand in the file only."""

    name: str
    variable: str
    type: Any
    default: object
    meaning: str


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read, check and identify; raises `SettingsError` with a hint."""
    return identify(read(path, environment))


def read(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read and check, without the ids that a first start makes; raises `SettingsError` with a hint."""
    try:
        raw: Any = tomllib.loads(path.read_text())
    except OSError as error:
        msg = f"cannot read {path}: {error.strerror}. hint: name the file with --config"
        raise SettingsError(msg) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path} is not TOML: {error}. hint: see docs/reference/settings.md"
        raise SettingsError(msg) from error
    parse(raw, str(path))  # so that what is wrong in the file is told as the file's
    merged = _merge(raw, from_environment(os.environ if environment is None else environment))
    return check(parse(merged, str(path)))


def parse(raw: object, source: str) -> Settings:
    """Settings from decoded TOML; raises `SettingsError` naming the setting that is wrong."""
    if isinstance(raw, dict) and "data_dir" not in raw:
        raw = {**raw, "data_dir": ""}  # the environment may bring it; `check` has the last word
    try:
        return msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        msg = f"{source}: {error}. hint: docs/reference/settings.md lists every setting"
        raise SettingsError(msg) from error


def from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings among the variables, as decoded TOML would have them; raises `SettingsError`."""
    known = {row.variable: row for row in rows() if row.variable}
    found: dict[str, Any] = {}
    for variable in sorted(name for name in environment if name.startswith(PREFIX)):
        if variable in OTHER_VARIABLES:
            continue
        row = known.get(variable)
        if row is None:
            raise SettingsError(
                f"the environment has {variable}, which is no setting. hint: unset it, or see "
                "docs/reference/settings.md for the names"
            )
        section, _, name = row.name.rpartition(".")
        place = found.setdefault(section, {}) if section else found
        place[name] = _value(row, environment[variable])
    return found


def rows(struct: type[Struct] = Settings, prefix: str = "", *, listed: bool = False) -> Iterator[Row]:
    """Every setting in order; rows of a list have names such as `vault.destinations[].origin`."""
    for field in msgspec.structs.fields(struct):
        inner, meaning = _annotated(field.type)
        name = prefix + field.name
        row_type = _row_type(inner)
        if isinstance(inner, type) and issubclass(inner, Struct):
            yield from rows(inner, f"{name}.")
        elif row_type is not None:
            yield Row(f"{name}[]", "", field.type, (), meaning)
            yield from rows(row_type, f"{name}[].", listed=True)
        else:
            variable = "" if listed else PREFIX + name.replace(".", "_").upper()
            yield Row(name, variable, field.type, field.default, meaning)


def write(settings: Settings, path: Path) -> None:
    """Write settings as TOML, whole or not at all; mode 0600."""
    scratch = path.with_suffix(".new")
    scratch.touch(mode=0o600)
    scratch.write_text(tomli_w.dumps(msgspec.to_builtins(settings)))
    scratch.replace(path)


def _value(row: Row, text: str) -> object:
    inner, _ = _annotated(row.type)
    given: object = text
    if get_origin(inner) is tuple:
        given = [part.strip() for part in text.split(",") if part.strip()]
    try:
        return msgspec.to_builtins(msgspec.convert(given, row.type, strict=False))
    except msgspec.ValidationError as error:
        raise SettingsError(f"{row.variable}: {error}. hint: it is the setting {row.name}") from error


def _merge(raw: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(raw)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(raw.get(name), dict)
        merged[name] = {**raw[name], **value} if both else value
    return merged


def _annotated(annotation: object) -> tuple[object, str]:
    if get_origin(annotation) is Annotated:
        inner, *metas = get_args(annotation)
        return inner, next((meta.description for meta in metas if getattr(meta, "description", None)), "")
    return annotation, ""


def _row_type(annotation: object) -> type[Struct] | None:
    if get_origin(annotation) is tuple:
        row = get_args(annotation)[0]
        if isinstance(row, type) and issubclass(row, Struct):
            return row
    return None
