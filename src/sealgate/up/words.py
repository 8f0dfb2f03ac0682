"""What `sealgate up` says to the person at the terminal."""

from __future__ import annotations

from pathlib import Path

from sealgate.settings import IDENTITY_NAME, Settings

WELCOME = """
Sealgate runs. This is its first start, and this text comes only once.

1. Become the owner. Open this link within 24 hours; it works once:

     {invitation}

2. Back up, to three different places:

     {kek}
         the KEK. Without it no key can be opened, ever. Put it where nobody keeps database backups:
         whoever has both the KEK and vault.db can open every key.
     {vault_db}, {console_db}, {identity}
         made with `sealgate backup`. Never beside the KEK.
     {anchor}
         made with `sealgate backup` too. Beside neither: it tells an old vault.db from the newest.

   docs/howto/backup.md says how, and how to restore.

3. Addresses:
{addresses}
"""


def welcome_text(settings: Settings, invitation: str) -> str:
    """The text of the first start."""
    data = Path(settings.data_dir)
    return WELCOME.format(
        invitation=invitation,
        kek=data / "vault" / "kek",
        vault_db=data / "vault" / "vault.db",
        console_db=data / "console" / "console.db",
        identity=data / IDENTITY_NAME,
        anchor=data / "vault" / "anchor",
        addresses="\n".join(f"     {line}" for line in _addresses(settings)),
    )


def ready_text(settings: Settings) -> str:
    """The one line of every later start."""
    return f"Sealgate runs: {settings.console.url}"


def _addresses(settings: Settings) -> tuple[str, ...]:
    return (
        f"Console  {settings.console.url}",
        f"Vault    {settings.vault.url}   (the sealing page, when the console sends you there)",
        f"Proxy    {settings.proxy.url}   (base_url for SDKs: {settings.proxy.url}/v1)",
    )
