"""The ids that a first start makes and every later start finds: `data_dir/instance.toml`.

Counterpart: `sealgate up` and `sealgate prepare`, which make it. Never made anew beside databases: keys are
bound to the instance.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import msgspec
import tomli_w
from msgspec import Struct

from sealgate.ids import is_id, new_id
from sealgate.settings.table import Settings, SettingsError

IDENTITY_NAME = "instance.toml"


class Identity(Struct, frozen=True, forbid_unknown_fields=True):
    """The instance, and the proxy of this machine."""

    instance: str
    proxy: str


def identify(settings: Settings) -> Settings:
    """The settings with their ids, their own or those in `data_dir`; raises `SettingsError`."""
    if settings.instance and settings.proxy.id:
        return settings
    path = Path(settings.data_dir) / IDENTITY_NAME
    kept = _read(path)
    if kept is None:
        raise SettingsError(
            f"the settings name no instance and {path} does not exist. hint: `sealgate up` and "
            "`sealgate prepare` make it; put it back from its backup if there was one"
        )
    if settings.instance and settings.instance != kept.instance:
        raise SettingsError(
            f"instance is {settings.instance!r}, but {path} says {kept.instance!r}. hint: keep one of them"
        )
    return _with(settings, kept)


def make_identity(settings: Settings) -> bool:
    """Make the ids that the settings leave out; True if that was now. Raises `SettingsError`, `OSError`."""
    path = Path(settings.data_dir) / IDENTITY_NAME
    if (settings.instance and settings.proxy.id) or path.exists():
        return False
    for database in ("vault/vault.db", "console/console.db"):
        if not settings.instance and (path.parent / database).exists():
            raise SettingsError(
                f"{path} is missing, but {path.parent / database} exists. hint: put it back from its "
                f"backup, or "
                "set instance: the console's log says it in its line `started`"
            )
    made = Identity(settings.instance or new_id("inst"), settings.proxy.id or new_id("prx"))
    _write(path, tomli_w.dumps(msgspec.to_builtins(made)))
    return True


def _with(settings: Settings, kept: Identity) -> Settings:
    replace = msgspec.structs.replace
    return replace(
        settings,
        instance=settings.instance or kept.instance,
        proxy=replace(settings.proxy, id=settings.proxy.id or kept.proxy),
    )


def _read(path: Path) -> Identity | None:
    try:
        kept = msgspec.convert(tomllib.loads(path.read_text()), Identity)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(
            f"cannot read {path}: {error.strerror}. hint: let every process read it"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError(f"{path}: {error}. hint: put it back from its backup") from error
    if not is_id("inst", kept.instance) or not is_id("prx", kept.proxy):
        raise SettingsError(f"{path} holds no ids. hint: put it back from its backup")
    return kept


def _write(path: Path, text: str) -> None:
    """Whole or not at all, also at a power cut or on a full disk."""
    scratch = path.with_suffix(".new")
    try:
        with scratch.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.chmod(0o644)  # no secret, and every process reads it
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
