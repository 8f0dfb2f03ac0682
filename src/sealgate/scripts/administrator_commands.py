"""The commands for administrators: `sealgate vault administrators …` and `sealgate vault proposals`.

Counterparts: `operating_commands`, whose group they stand in; the vault's `administering`. What needs two
administrators prints where they approve it, and does it when it is said again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from sealgate.messages.administering import (
    AdministratorInvited,
    AdministratorList,
    AdministratorRemoved,
    AdministratorRow,
    AskAdministrators,
    AskProposals,
    InviteAdministrator,
    ProposalList,
    ProposalRow,
    RemoveAdministrator,
)
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.operating import ask_vault, read_settings, told

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
AdministratorArgument = Annotated[str, typer.Argument(help="The administrator, adm_….")]

group = typer.Typer(help="Who may approve, with a passkey.", no_args_is_help=True)


def add_to(vault: typer.Typer) -> None:
    """Put the commands into `sealgate vault`."""
    vault.add_typer(group, name="administrators")
    vault.command("proposals")(proposals)


@group.command("list")
def list_administrators(config: ConfigOption, json: JsonOption = False) -> None:
    """List administrators and their passkeys; exits with 1 where one was altered, or nobody could approve."""
    with told():
        found = ask_vault(read_settings(config), AskAdministrators(), AdministratorList)
        if json:
            typer.echo(msgspec.json.encode(found).decode())
        else:
            for line in lines(found):
                typer.echo(line)
        raise SystemExit(int(Exit.DONE if is_well(found) else Exit.FAILED))


@group.command("invite")
def invite(
    config: ConfigOption,
    name: Annotated[str, typer.Option(help="Name of a new administrator.")] = "",
    organization: Annotated[
        str, typer.Option(help="Only for deposits of this one, org_…. [default: the whole vault]")
    ] = "",
    administrator: Annotated[
        str, typer.Option(help="An administrator who adds a passkey, adm_…, instead of a new one.")
    ] = "",
) -> None:
    """Print a link with which one person enrols one passkey; it works once, for a day.

    Once two administrators of the whole vault are enrolled, another one takes the approval of both.
    """
    with told():
        if bool(name) == bool(administrator):
            raise ScriptError(Exit.USAGE, "Whom?", "Give --name of a new one, or --administrator adm_….")
        order = InviteAdministrator(name=name, organization=organization, administrator=administrator)
        found = ask_vault(read_settings(config), order, AdministratorInvited)
        typer.echo(f"{found.administrator}  {found.name}, {_scope(found.organization)}", err=True)
        typer.echo(f"Give this link to {found.name} alone, until {_minute(found.expires_at)}:", err=True)
        typer.echo(found.link)


@group.command("remove")
def remove(administrator: AdministratorArgument, config: ConfigOption) -> None:
    """Remove an administrator with every passkey. The id is closed for good."""
    with told():
        order = RemoveAdministrator(administrator=administrator)
        ask_vault(read_settings(config), order, AdministratorRemoved)
        typer.echo(f"{administrator} is removed.")


@group.command("remove-passkey")
def remove_passkey(
    administrator: AdministratorArgument,
    passkey: Annotated[str, typer.Argument(help="The passkey, as the list names it.")],
    config: ConfigOption,
) -> None:
    """Remove one passkey of an administrator who has another."""
    with told():
        order = RemoveAdministrator(administrator=administrator, passkey=passkey)
        found = ask_vault(read_settings(config), order, AdministratorRemoved)
        typer.echo(f"{administrator} has {found.passkeys} left.")


def proposals(config: ConfigOption, json: JsonOption = False) -> None:
    """List what waits for approvals, or had them, with the link where they are given."""
    with told():
        found = ask_vault(read_settings(config), AskProposals(), ProposalList)
        if json:
            typer.echo(msgspec.json.encode(found).decode())
            return
        for each in found.items:
            for line in _proposal(each):
                typer.echo(line)
        if not found.items:
            typer.echo("Nothing was proposed lately.")


def is_well(found: AdministratorList) -> bool:
    """True unless somebody's rows were altered, or deposits need an approval that nobody can give."""
    damaged = any(each.state == "damaged" for each in found.items)
    return not damaged and not any(_nobody_for(found))


def lines(found: AdministratorList) -> Iterator[str]:
    """Everybody, then what is missing."""
    for each in found.items:
        yield from _person(each)
    if not found.items:
        yield "Nobody yet: sealgate vault administrators invite --name NAME"
    if found.deposits_need_passkey:
        yield f"Deposits need an approval: {', '.join(found.deposits_need_passkey)}"
    for scope in _nobody_for(found):
        yield f"NOBODY can approve deposits of {scope}: they are refused until somebody enrols."
    if sum(1 for each in found.items if each.state == "enrolled-whole") < 2:
        yield "Destroying a KEK takes two administrators of the whole vault; fewer have enrolled."


def _nobody_for(found: AdministratorList) -> Iterator[str]:
    able = {each.organization for each in found.items if each.passkeys}
    for scope in found.deposits_need_passkey:
        if not able & {"", scope}:
            yield scope


def _person(row: AdministratorRow) -> Iterator[str]:
    until = "" if row.invited_until is None else f", invited until {_minute(row.invited_until)}"
    if row.state == "damaged":
        yield f"{row.administrator}  DAMAGED: altered outside the vault, counts for nothing"
        return
    yield f"{row.administrator}  {row.name}, {_scope(row.organization)}, {row.state}{until}"
    for each in row.passkeys:
        used = "never used" if each.used_at is None else f"used {_minute(each.used_at)}"
        yield f"    {each.passkey}  {each.fingerprint}"
        yield f"    enrolled {_minute(each.enrolled_at)}, {used}"


def _proposal(row: ProposalRow) -> Iterator[str]:
    yield f"{row.proposal}  {row.action} {row.subject}: {row.state}, until {_minute(row.expires_at)}"
    for each in row.approved:
        yield f"    approved by {each.name}, {_minute(each.approved_at)}"
    if row.state == "open":
        yield f"    {row.needed - len(row.approved)} more, at {row.link}"


def _scope(organization: str) -> str:
    return organization or "the whole vault"


def _minute(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(at_s))
