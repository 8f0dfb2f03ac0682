"""Keepers of KEKs for the vault's tests: moto's KMS and the stand-in of the transit engine, each behind a way
that can go wrong.

Counterparts: `conftest`, whose fixtures they need (`kms`, `token`); `faulty_way`, `transit_standin`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sealgate.vault.kek_config import KekConfig
from tests.vault.faulty_way import Way, faulty_way
from tests.vault.transit_standin import transit

PATIENCE_S = 10.0
"""For a machine with much to do."""
TOKEN = "sealgate-test"
"""Label of the PKCS#11 token."""


@dataclass(frozen=True)
class Keeper:
    """One keeper, and the way to it."""

    config: KekConfig
    way: Way

    @property
    def name(self) -> str:
        return self.config.provider

    def changed(self, **values: object) -> KekConfig:
        return msgspec.structs.replace(self.config, **values)


@contextmanager
def keeper_called(name: str, kms: str, folder: Path) -> Iterator[Keeper]:
    with ExitStack() as stack:
        if name == "aws-kms":
            way = stack.enter_context(faulty_way(kms))
            config = KekConfig(
                provider=name, aws_region="eu-central-1", aws_endpoint=way.url, timeout_s=PATIENCE_S
            )
        else:
            engine = stack.enter_context(transit())
            way = stack.enter_context(faulty_way(engine.url))
            token = folder / "token"
            token.write_text(engine.token)
            token.chmod(0o400)
            config = KekConfig(
                provider=name, transit_url=way.url, transit_token_file=str(token), timeout_s=PATIENCE_S
            )
        yield Keeper(config, way)


@contextmanager
def all_keepers(kms: str, folder: Path, base: KekConfig | None = None) -> Iterator[KekConfig]:
    """A way to each keeper at once; the first KEK is a file. `base` says how a token is reached."""
    with keeper_called("aws-kms", kms, folder) as aws, keeper_called("transit", kms, folder) as engine:
        yield msgspec.structs.replace(
            base or KekConfig(),
            provider="file",
            timeout_s=PATIENCE_S,
            aws_region=aws.config.aws_region,
            aws_endpoint=aws.config.aws_endpoint,
            transit_url=engine.config.transit_url,
            transit_token_file=engine.config.transit_token_file,
        )
