"""The commands of erasure: `sealgate vault erase`, its receipts, and how anybody checks one.

Counterparts: `operating_commands`, whose group they stand in; the vault's `erasures`. `verify-receipt` asks
no vault and reads no settings: it works wherever a receipt and a public key are.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sealgate.messages.erasing import (
    AskReceipt,
    AskReceipts,
    Erase,
    Erased,
    ErasureKind,
    ErasureRow,
    Receipts,
)
from sealgate.messages.operating import AskReceiptKey, ReceiptKeyShown
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.operating import ask_vault, read_settings, told
from sealgate.vault.finality import ROWS, SEALING_KEYS
from sealgate.vault.receipts import Receipt, ReceiptError, key_of, verify

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]

_WORDS = {ROWS: "rows being destroyed", SEALING_KEYS: "old sealing keys being destroyed"}


def add_to(group: typer.Typer) -> None:
    """Put the commands into `sealgate vault`."""
    group.command("erase")(erase)
    group.command("receipt")(receipt)
    group.command("receipts")(receipts)
    group.command("receipt-key")(receipt_key)
    group.command("verify-receipt")(verify_receipt)


def erase(
    kind: Annotated[ErasureKind, typer.Argument(help="What to erase.")],
    subject: Annotated[str, typer.Argument(help="Its id: cred_…, app_… or org_….")],
    config: ConfigOption,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
) -> None:
    """Destroy everything that the vault holds of a credential, an application or an organization.

    Prints the receipt. There is no way back, and nothing can be deposited under that id again.
    """
    with told():
        settings = read_settings(config)
        if not yes and not typer.confirm(f"Erase {kind.value} {subject} for good?", err=True):
            raise ScriptError(Exit.NOT_ALLOWED, "Not confirmed; nothing was erased.")
        _print(ask_vault(settings, Erase(kind=kind, subject=subject), Erased))


def receipt(
    receipt: Annotated[str, typer.Argument(help="Its id, rcpt_….")],
    config: ConfigOption,
) -> None:
    """Print a receipt of erasure, signed anew: it says what it still waits for, or since when it is final."""
    with told():
        _print(ask_vault(read_settings(config), AskReceipt(receipt=receipt), Erased))


def receipts(
    config: ConfigOption,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List every erasure; exits with 1 where one is past its day and not final."""
    with told():
        found = ask_vault(read_settings(config), AskReceipts(), Receipts)
        if json:
            typer.echo(msgspec.json.encode(found).decode())
        else:
            for line in lines(found.items):
                typer.echo(line)
        overdue = any(each.final_at is None and each.final_by < time.time() for each in found.items)
        raise SystemExit(int(Exit.FAILED if overdue else Exit.DONE))


def receipt_key(config: ConfigOption) -> None:
    """Print the public key that checks this vault's receipts. Keep it apart from the vault."""
    with told():
        typer.echo(ask_vault(read_settings(config), AskReceiptKey(), ReceiptKeyShown).public_key)


def verify_receipt(
    file: Annotated[Path, typer.Argument(help="The receipt.")],
    public_key: Annotated[str, typer.Option("--public-key", help="As `sealgate vault receipt-key` says it.")],
) -> None:
    """Check a receipt and print what it says. Works without a vault."""
    with told():
        try:
            found = verify(file.read_text(encoding="utf-8"), key_of(public_key))
        except (OSError, UnicodeDecodeError):
            raise ScriptError(Exit.DATA, f"{file} cannot be read.", "Name the file of a receipt.") from None
        except ReceiptError as error:
            raise ScriptError(
                Exit.FAILED, f"{file} does not verify: {error}.", "Is the public key the right vault's?"
            ) from None
        for line in said(found):
            typer.echo(line)


def lines(items: tuple[ErasureRow, ...]) -> Iterator[str]:
    """Two lines for each erasure."""
    if not items:
        yield "Nothing was erased so far."
    for each in items:
        yield f"{each.receipt}  {each.kind.value} {each.subject}, {each.versions} keys"
        if each.final_at is not None:
            yield f"    final since {_day(each.final_at)}"
        else:
            waits = ", ".join(_WORDS.get(word, f"KEK {word}") for word in each.waits_for)
            yield f"    to be final by {_day(each.final_by)}; waits for {waits}"


def said(found: Receipt) -> Iterator[str]:
    """What a receipt says, after its signature was checked."""
    yield f"good      {found.receipt} of {found.instance}, signed {found.signed_at}"
    yield f"erased    {found.kind} {found.subject}, {found.versions} keys, {found.erased_at}"
    for each in found.envelopes:
        yield f"          {each.credential} version {each.version} sha256 {each.sha256 or 'none any more'}"
    yield f"final     {found.final_at or f'not yet; promised by {found.final_by}'}"
    for kek in found.kek_versions:
        when = f", {kek.destroyed_at}" if kek.destroyed_at else ""
        yield f"          backups may be wrapped by KEK {kek.version}: {kek.state}{when}"


def _print(found: Erased) -> None:
    if not found.signed:
        raise ScriptError(
            Exit.FAILED,
            f"{found.erasure.receipt}: the vault is still at it; nothing of it opens any more.",
            f"Ask again later: sealgate vault receipt {found.erasure.receipt}",
        )
    typer.echo(found.signed, nl=False)


def _day(at_s: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at_s))
