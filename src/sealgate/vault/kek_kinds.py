"""Which providers of KEKs there are: one row each.

Counterparts: the providers' own small files. A provider's foreign library is an optional extra, imported
when the provider is opened and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sealgate.vault.faults import StartError
from sealgate.vault.kek import KekKind
from sealgate.vault.kek_aws import AwsKind
from sealgate.vault.kek_config import KekConfig
from sealgate.vault.kek_pkcs11 import Pkcs11Kind
from sealgate.vault.kek_transit import TransitKind

KINDS: Mapping[str, Callable[[KekConfig], KekKind]] = {
    "pkcs11": Pkcs11Kind,
    "aws-kms": AwsKind,
    "transit": TransitKind,
}
"""Beside `file`, whose keys lie in the vault's own folder (`kek_folder`)."""


def kind_of(provider: str, config: KekConfig) -> KekKind:
    """The provider's kind; raises `StartError` for one that this release does not know."""
    if provider not in KINDS:
        raise StartError(
            "kek_provider_unknown", f"there is no KEK provider {provider!r}", "run the release that made it"
        )
    return KINDS[provider](config)
