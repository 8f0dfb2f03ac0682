"""`sealgate vault check`: whether every row of vault.db is as the vault wrote it, running or stopped.

Counterpart: the vault's `checking`. Exit code 1 where anything is damaged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sealgate.log import NullLog
from sealgate.messages.checking import CheckRows, RowsChecked
from sealgate.scripts.failures import Exit
from sealgate.scripts.operating import NotRunningError, ask_vault, read_settings, told
from sealgate.settings import Settings
from sealgate.vault.checking import Checking
from sealgate.vault.events import EVENTS
from sealgate.vault.foundation import look_into

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_POLL_S = 0.3


def add_to(vault_app: typer.Typer) -> None:
    """Add the command to `sealgate vault`."""
    vault_app.command("check")(vault_check)


def vault_check(
    config: ConfigOption,
    last: Annotated[bool, typer.Option("--last", help="The last round that is whole; do not wait.")] = False,
    json: JsonOption = False,
) -> None:
    """Check every row of vault.db: its MAC, and that it is no old copy. Running or stopped.

    The vault does so by itself every six hours; this begins a round now and waits for it. Exit code 1 where
    anything is damaged.
    """
    with told():
        settings = read_settings(config)
        try:
            found = ask_vault(settings, CheckRows(), RowsChecked) if last else _round(settings, json=json)
        except NotRunningError:
            found = _stopped(settings)
            if not json:
                typer.echo("The vault is stopped; this is what its files say.")
        typer.echo(msgspec.json.encode(found).decode() if json else "\n".join(lines(found)))
        raise SystemExit(int(Exit.DONE if found.is_sound else Exit.FAILED))


def lines(found: RowsChecked) -> Iterator[str]:
    """A result in words."""
    if not found.round:
        yield "No round is whole since the vault started; ask again in a moment."
        return
    for table in found.tables:
        verdict = f"{table.damaged} DAMAGED" if table.damaged else "sound"
        yield f"{table.table:16} {table.rows:8} rows  {verdict}"
    for row in found.damaged:
        yield f"damaged: {row.subject} in {row.table}"
    if not found.is_sound:
        yield "Damaged rows are refused wherever they are needed. Restore them, or revoke those credentials."


def _round(settings: Settings, *, json: bool) -> RowsChecked:
    """Have a round begin, and wait until it is whole."""
    found = ask_vault(settings, CheckRows(anew=True), RowsChecked)
    # A round that is under way began before this was asked: the one after it counts.
    wanted = found.round + (2 if found.under_way else 1)
    while found.round < wanted:
        time.sleep(_POLL_S)
        found = ask_vault(settings, CheckRows(), RowsChecked)
        if not json:
            typer.echo(f"{found.under_way} rows looked at …", err=True)
    return found


def _stopped(settings: Settings) -> RowsChecked:
    vault = settings.vault_config()
    base = look_into(vault.data_dir, vault.instance, NullLog(EVENTS), vault.kek)
    try:
        checking = Checking(base.database, base.witness, base.seal, clock=time.time, log=NullLog(EVENTS))
        for _piece in checking.pieces():
            pass
        return checking.answer(anew=False)
    finally:
        base.close()
