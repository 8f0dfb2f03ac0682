"""Where KEKs are kept, and how to reach their keepers: plain values; secrets stand in files of their own.

Counterparts: `config.VaultConfig`, which carries it, and the providers. A PIN or a token is read from its
file when it is needed, so that it can be changed while the vault runs.
"""

from __future__ import annotations

from msgspec import Struct

PROVIDERS = ("file", "pkcs11", "aws-kms", "transit")


class KekConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One vault's ways to KEKs. Only those of the providers in use need be set."""

    provider: str = "file"
    """Who makes the KEK of the very first start; later ones by `sealgate kek rotate` and `migrate`."""
    timeout_s: float = 2.0
    """Patience with one call of a token, a KMS or Transit."""
    pkcs11_module: str = ""
    """Path of the token's PKCS#11 library."""
    pkcs11_token: str = ""
    """Label of the token."""
    pkcs11_pin_file: str = ""
    aws_region: str = ""
    aws_endpoint: str = ""
    """Another address than AWS's own, such as a private endpoint's; empty for AWS's."""
    transit_url: str = ""
    transit_mount: str = "transit"
    transit_namespace: str = ""
    transit_token_file: str = ""
    transit_ca_file: str = ""

    def __post_init__(self) -> None:
        """Refuse a provider that there is not; raises `ValueError` with a hint."""
        if self.provider not in PROVIDERS:
            raise ValueError(f"kek.provider is {self.provider!r}; hint: use one of {', '.join(PROVIDERS)}")
        if not 0 < self.timeout_s <= 60:
            raise ValueError(f"kek.timeout_s is {self.timeout_s}; hint: use up to 60 seconds")
