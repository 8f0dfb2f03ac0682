"""What the providers elsewhere have in common: secrets from files, and optional libraries.

Counterparts: `kek_pkcs11`, `kek_aws`, `kek_transit`.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from sealgate.vault.faults import StartError

_LIMIT_BYTES = 4096


def required(name: str, value: str, hint: str) -> str:
    """A setting that its provider cannot do without; raises `StartError`."""
    if not value:
        raise StartError("kek_not_set", f"kek.{name} is not set", hint)
    return value


def secret_of(name: str, path: str) -> str:
    """The PIN or token in a file, read anew each time; raises `StartError`, which never quotes it."""
    required(name, path, "name a file of mode 0400 that the vault's user owns")
    try:
        descriptor = os.open(Path(path), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StartError(
            "kek_secret_unreadable", f"kek.{name} {path}: {error.strerror}", "let the vault's user own it"
        ) from None
    try:
        mode = stat.S_IMODE(os.fstat(descriptor).st_mode)
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise StartError(
                "kek_secret_unsafe", f"{path} has mode {mode:04o}: others can read it", f"chmod 0400 {path}"
            )
        text = os.read(descriptor, _LIMIT_BYTES).decode("utf-8", "replace").strip()
    finally:
        os.close(descriptor)
    return required(name, text, f"write it into {path}")


def missing_extra(extra: str, provider: str) -> StartError:
    """The error for a library that is not installed."""
    return StartError(
        "kek_extra_missing",
        f"the KEK provider {provider} needs a library that is not installed",
        f"pip install 'sealgate[{extra}]'",
    )
