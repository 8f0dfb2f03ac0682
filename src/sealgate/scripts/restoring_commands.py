"""`sealgate vault restore`: explains what an older vault.db would bring back; accepts it when told to.

Counterpart: the vault's `restoring`. The vault must be stopped. Without `--accept-epoch` nothing is changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sealgate.log import LineLog
from sealgate.scripts.failures import Exit
from sealgate.scripts.operating import read_settings, told
from sealgate.vault.events import EVENTS
from sealgate.vault.fates import Decided, Fate
from sealgate.vault.restoring import Comparison, opened

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
SHOWN_LIMIT = 200

WORDS = {
    Fate.REVOKED: "revoked since, stays revoked",
    Fate.ERASED: "erased since, stays erased",
    Fate.REMOVED: "administrator removed or changed since: removed; invite them anew",
    Fate.LOST: "made since, and lost",
    Fate.BACK: "goes back to an earlier state",
}


def add_to(vault_app: typer.Typer) -> None:
    """Add the command to `sealgate vault`."""
    vault_app.command("restore")(vault_restore)


def vault_restore(
    config: ConfigOption,
    accept_epoch: Annotated[
        int | None, typer.Option("--accept-epoch", help="Accept vault.db, which stands at this change.")
    ] = None,
    leave_damaged: Annotated[
        bool, typer.Option("--leave-damaged", help="Though rows do not verify; those stay refused.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Explain what differs between vault.db and its anchor, of a stopped vault; change nothing.

    With --accept-epoch: accept vault.db as it is. What the anchor knows as revoked, erased or removed stays
    so; everything else comes back as in vault.db. Interrupted at any point, say the same again.
    """
    with told():
        vault = read_settings(config).vault_config()
        with opened(vault, clock=time.time, log=LineLog("vault", EVENTS)) as restoring:
            if accept_epoch is None:
                found = restoring.compare()
            else:
                found = restoring.accept(accept_epoch, leave_damaged=leave_damaged)
        if json:
            typer.echo(msgspec.json.encode(found).decode())
        else:
            typer.echo("\n".join(lines(found) if accept_epoch is None else accepted(found, accept_epoch)))
        is_well = accept_epoch is not None or not found.is_needed
        raise SystemExit(int(Exit.DONE if is_well else Exit.DIFFERENCE))


def lines(found: Comparison) -> Iterator[str]:
    """What differs, and what to say next."""
    witnessed = "nothing" if found.witnessed is None else f"change {found.witnessed}"
    yield f"vault.db  change {found.epoch}"
    yield f"anchor    {found.anchor}, {witnessed}"
    if found.seen:
        yield f"proxies   one has seen change {found.seen}"
    if found.unfinished:
        yield "A ceremony broke off after vault.db was written. Say its command again: it finishes."
        return
    if not found.is_needed:
        yield "They belong together: start the vault. If both come from a backup, accept them first, since"
        yield "a proxy that remembers later changes would stop the vault:"
        yield f"  sealgate vault restore --accept-epoch {found.epoch} --config …"
        return
    yield from _fates(found)
    for row in found.damaged[:SHOWN_LIMIT]:
        yield f"damaged   {row.subject} in {row.table}: stays refused; needs --leave-damaged"
    yield "Nothing was changed. Look for a newer vault.db first. To accept this one:"
    yield f"  sealgate vault restore --accept-epoch {found.epoch} --config …"


def accepted(found: Comparison, epoch: int) -> Iterator[str]:
    """What was done."""
    yield f"vault.db is accepted as of change {epoch}. Start the vault."
    yield from _fates(found)
    yield "The old anchor is kept beside the new one, as anchor.before-…: evidence of what was lost."


def _fates(found: Comparison) -> Iterator[str]:
    for fate, words in WORDS.items():
        subjects = found.of(fate)
        if subjects:
            yield f"{len(subjects)} {words}:"
        yield from (_line(each) for each in subjects[:SHOWN_LIMIT])
        if len(subjects) > SHOWN_LIMIT:
            yield f"  … and {len(subjects) - SHOWN_LIMIT} more: see --json"
    yield f"{len(found.of(Fate.KEPT))} others stay as they are."


def _line(each: Decided) -> str:
    here = "not there" if each.here is None else f"{each.here.state} ({each.here.version})"
    there = "not there" if each.there is None else f"{each.there.state} ({each.there.version})"
    return f"  {each.subject}  vault.db: {here}, anchor: {there}"
