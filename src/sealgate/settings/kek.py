"""The settings of the KEK. docs/reference/settings.md is made from them.

Counterparts: `table`, of which they are a section; the vault's `kek_config`, which they become.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class KekSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The key-encryption key: who keeps it, and how its keeper is reached."""

    provider: Annotated[
        str,
        Meta(
            pattern="^(file|pkcs11|aws-kms|transit)$",
            description="Who makes the KEK of the very first start: `file`, `pkcs11`, `aws-kms`, `transit`. "
            "Later: `sealgate kek migrate`.",
        ),
    ] = "file"
    timeout_s: Annotated[
        float,
        Meta(gt=0, le=60, description="Patience with one call of a token, AWS KMS or Transit, in seconds."),
    ] = 2.0
    pkcs11_module: Annotated[str, Meta(description="`pkcs11`: path of the token's PKCS#11 library.")] = ""
    pkcs11_token: Annotated[
        str, Meta(pattern=r"^[ -~]{0,32}$", description="`pkcs11`: label of the token.")
    ] = ""
    pkcs11_pin_file: Annotated[
        str, Meta(description="`pkcs11`: file with the user's PIN, mode 0400; read at each log-in.")
    ] = ""
    aws_region: Annotated[
        str,
        Meta(
            pattern="^[a-z0-9-]{0,32}$",
            description="`aws-kms`: region for new keys. Credentials: where the AWS SDK looks for them.",
        ),
    ] = ""
    aws_endpoint: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[a-z0-9.\[\]:-]+)?$",
            description="`aws-kms`: address of a private endpoint; empty for AWS's own.",
        ),
    ] = ""
    transit_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[a-z0-9.\[\]:-]+)?$",
            description="`transit`: address of HashiCorp Vault or OpenBao; https, or http on loopback.",
        ),
    ] = ""
    transit_mount: Annotated[
        str, Meta(pattern="^[A-Za-z0-9_/-]{1,64}$", description="`transit`: where the engine is mounted.")
    ] = "transit"
    transit_namespace: Annotated[
        str, Meta(pattern="^[A-Za-z0-9_/-]{0,128}$", description="`transit`: namespace; empty for none.")
    ] = ""
    transit_token_file: Annotated[
        str, Meta(description="`transit`: file with the token, mode 0400; read at each call.")
    ] = ""
    transit_ca_file: Annotated[
        str, Meta(description="`transit`: PEM file of authorities; empty for the system's.")
    ] = ""
