"""The commands of who runs the vault: `sealgate kek …` and `sealgate vault …`.

Counterpart: `sealgate.cli`, which loads this only when one of them is asked for. They ask the running vault;
those that only look also work while it is stopped, and say so.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sealgate.log import NullLog
from sealgate.messages.operating import (
    AskKeks,
    DestroyKek,
    InspectVault,
    KekReport,
    MigrateKek,
    RotateKek,
    RotateSealingKeys,
    SealingKeysRotated,
    VaultInspected,
)
from sealgate.scripts import (
    administrator_commands,
    audit_commands,
    checking_commands,
    erasure_commands,
    inspection_words,
    restoring_commands,
    ring_words,
)
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.operating import (
    NotRunningError,
    ask_vault,
    read_settings,
    say_stopped,
    still,
    told,
)
from sealgate.settings import Settings
from sealgate.vault.events import EVENTS
from sealgate.vault.inspection import Inspection
from sealgate.vault.kek_changes import report_of

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
vault_app = typer.Typer(help="What the vault holds.", no_args_is_help=True)
kek_app = typer.Typer(help="The vault's key-encryption keys.", no_args_is_help=True)
app.add_typer(kek_app, name="kek")
app.add_typer(vault_app, name="vault")

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
KeyOption = Annotated[
    str, typer.Option("--key", help="A key that the keeper has already: label, ARN or name. [default: new]")
]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until every row is wrapped anew.")]

_POLL_S = 0.3


@kek_app.command("status")
def kek_status(config: ConfigOption, json: JsonOption = False) -> None:
    """Show every KEK version: where its key is, what it still wraps, and whether it can be used now."""
    with told():
        settings = read_settings(config)
        try:
            report = ask_vault(settings, AskKeks(), KekReport)
        except NotRunningError:
            report = _stopped(settings)
            say_stopped(quiet=json)
        _show(report, json=json)


@kek_app.command("rotate")
def kek_rotate(
    config: ConfigOption, key: KeyOption = "", wait: WaitOption = True, json: JsonOption = False
) -> None:
    """Make a new KEK version at the same keeper and wrap everything by it, while the vault works.

    Interrupted at any point, nothing is lost: the vault goes on at its next start, or when this is said
    again.
    """
    with told():
        settings = read_settings(config)
        report = ask_vault(settings, RotateKek(key=key), KekReport)
        _show(_awaited(settings, report) if wait else report, json=json)


@kek_app.command("migrate")
def kek_migrate(
    config: ConfigOption,
    to: Annotated[str, typer.Option("--to", help="file, pkcs11, aws-kms or transit.")],
    key: KeyOption = "",
    wait: WaitOption = True,
    json: JsonOption = False,
) -> None:
    """Make a new KEK version at another keeper and wrap everything by it, while the vault works."""
    with told():
        settings = read_settings(config)
        report = ask_vault(settings, MigrateKek(to=to, key=key), KekReport)
        _show(_awaited(settings, report) if wait else report, json=json)


@kek_app.command("destroy")
def kek_destroy(
    version: Annotated[str, typer.Argument(help="The version, as `sealgate kek status` names it.")],
    config: ConfigOption,
    json: JsonOption = False,
) -> None:
    """Destroy a KEK version that nothing is wrapped by, once two administrators of the vault approved it.

    Said the first time, it proposes it and prints the link where they approve. Backups that only this version
    wrapped open no more.
    """
    with told():
        settings = read_settings(config)
        _show(ask_vault(settings, DestroyKek(version=version), KekReport), json=json)


@vault_app.command("rotate-sealing-keys")
def rotate_sealing_keys(
    config: ConfigOption,
    organization: Annotated[str, typer.Option(help="Only this one's, org_…. [default: everybody's]")] = "",
) -> None:
    """Begin new sealing keys: for deposits from now on, and bit by bit for every key that is stored.

    Their fingerprint is another one, so whoever pinned the old one has to compare anew. The old keys are
    destroyed once nothing is sealed to them. Interrupted at any point, nothing is lost.
    """
    with told():
        asked = RotateSealingKeys(organization=organization)
        done = ask_vault(read_settings(config), asked, SealingKeysRotated)
        if organization:
            typer.echo(f"epoch        {done.epoch}\nsealing keys {done.fingerprint}")
        else:
            typer.echo(f"{done.waiting} organizations get new sealing keys, one after the other.")


@vault_app.command("inspect")
def vault_inspect(
    config: ConfigOption,
    envelope: Annotated[str, typer.Argument(help="Text form of an envelope to explain.")] = "",
    file: Annotated[Path | None, typer.Option("--file", help="File with that text.")] = None,
    organization: Annotated[str, typer.Option(help="Only this one's sealing keys, org_….")] = "",
    json: JsonOption = False,
) -> None:
    """Explain what the vault holds, or an envelope, without a secret; running or stopped."""
    with told():
        settings = read_settings(config)
        asked = InspectVault(envelope=_envelope_text(envelope, file), organization=organization)
        try:
            found = ask_vault(settings, asked, VaultInspected)
        except NotRunningError:
            found = _inspected_stopped(settings, asked)
            say_stopped(quiet=json)
        if json:
            typer.echo(msgspec.json.encode(found).decode())
            return
        for line in inspection_words.lines(found):
            typer.echo(line)


erasure_commands.add_to(vault_app)
administrator_commands.add_to(vault_app)
checking_commands.add_to(vault_app)
restoring_commands.add_to(vault_app)
audit_commands.add_to(vault_app)


def _envelope_text(text: str, file: Path | None) -> str:
    if file is None:
        return text
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ScriptError(
            Exit.DATA, f"{file} cannot be read as an envelope's text.", "Name a file with one line."
        ) from None


def _inspected_stopped(settings: Settings, asked: InspectVault) -> VaultInspected:
    with still(settings) as base:
        return Inspection(settings.vault_config(), base).look(asked.envelope, asked.organization)


def _awaited(settings: Settings, report: KekReport) -> KekReport:
    while report.rewrapping and not report.fault:
        time.sleep(_POLL_S)
        report = ask_vault(settings, AskKeks(), KekReport)
    return report


def _stopped(settings: Settings) -> KekReport:
    with still(settings) as base:
        return asyncio.run(report_of(settings.instance, base, NullLog(EVENTS)))


def _show(report: KekReport, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        for line in ring_words.lines(report):
            typer.echo(line)
    raise SystemExit(int(Exit.DONE if ring_words.is_well(report) else Exit.FAILED))
