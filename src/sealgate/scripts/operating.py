"""One question to this machine's vault, over `vault-operator.sock`: connect, hello, ask, leave.

Counterparts: the vault's `operator`; `operating_commands`, which asks and prints. Only the vault's own user
and root are let in.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import typer

from sealgate.log import NullLog
from sealgate.messages.administering import ApprovalsMissing
from sealgate.messages.client import Client, NotConnectedError
from sealgate.messages.frames import PROTOCOL, Hello, Message, RefusedError
from sealgate.messages.operating import OPERATOR_SOCKET, OperatorReply
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.settings import Settings, SettingsError, load
from sealgate.settings.table import uid_of
from sealgate.vault.events import EVENTS
from sealgate.vault.faults import StartError
from sealgate.vault.foundation import Foundation, look_into

CONNECT_S = 3.0
ANSWER_S = 60.0
"""A KMS makes a key in some seconds; destroying one waits for it too."""

Answer = TypeVar("Answer", bound=Message)


class NotRunningError(ScriptError):
    """Nobody listens at the operator's socket."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            Exit.UNAVAILABLE,
            f"No vault answers at {path}.",
            "Is it running, and are you root or the vault's user?",
        )


def read_settings(config: Path) -> Settings:
    """The installation's settings; raises `ScriptError`."""
    try:
        return load(config)
    except SettingsError as error:
        message, _, hint = str(error).partition(". hint: ")
        raise ScriptError(Exit.CONFIGURATION, f"{message}.", hint) from None


def ask_vault(
    settings: Settings, request: Message, answer: type[Answer], *, timeout_s: float = ANSWER_S
) -> Answer:
    """Ask once; raises `NotRunningError`, or `ScriptError` with the vault's own words or what is missing."""
    found = asyncio.run(_ask(settings, request, timeout_s))
    if isinstance(found, ApprovalsMissing):
        raise not_approved(found)
    assert isinstance(found, answer)
    return found


async def _ask(settings: Settings, request: Message, timeout_s: float) -> Message:
    path = settings.runtime_folder / OPERATOR_SOCKET
    if not path.exists():
        raise NotRunningError(path)
    there = asyncio.Event()
    hello = Hello(protocol=PROTOCOL, instance=settings.instance, process="operator")
    uids = (uid_of(settings.users.vault), 0)
    client = Client(path, hello, OperatorReply, on_connected=there.set, server_uids=uids)
    link = asyncio.create_task(client.run())
    try:
        async with asyncio.timeout(CONNECT_S):
            await there.wait()
        return await client.ask(request, timeout_s=timeout_s)
    except RefusedError as error:
        raise refused(error) from None
    except TimeoutError:
        if client.refusal is not None:
            raise refused(RefusedError(client.refusal)) from None
        raise NotRunningError(path) from None
    except NotConnectedError:
        raise ScriptError(
            Exit.UNAVAILABLE, "The vault left before it answered.", "Look into its log, then ask again."
        ) from None
    finally:
        link.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await link


def not_approved(missing: ApprovalsMissing) -> ScriptError:
    """Whose approval is missing, and where it is given."""
    proposal = missing.proposal
    names = ", ".join(each.name for each in proposal.approved) or "nobody"
    until = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(proposal.expires_at))
    return ScriptError(
        Exit.NOT_ALLOWED,
        f"{proposal.needed} administrators of the whole vault must approve {proposal.action} "
        f"{proposal.subject}; {names} did. Nothing was done.",
        f"Have them open {proposal.link} until {until}, then say it again.",
    )


def refused(error: RefusedError) -> ScriptError:
    """The vault's own words."""
    refusal = error.refusal
    return ScriptError(Exit.FAILED, f"{refusal.message} ({refusal.code}).", refusal.hint)


@contextmanager
def still(settings: Settings) -> Iterator[Foundation]:
    """The files of a vault that is stopped; raises `StartError`, or `ScriptError` for what it refuses."""
    vault = settings.vault_config()
    base = look_into(vault.data_dir, vault.instance, NullLog(EVENTS), vault.kek)
    try:
        yield base
    except RefusedError as error:
        raise refused(error) from None
    finally:
        base.close()


def say_stopped(*, quiet: bool) -> None:
    """Tell people, and not programs, that nobody was asked."""
    if not quiet:
        typer.echo("The vault is stopped; this is what its files say.")


@contextmanager
def told() -> Iterator[None]:
    """Turn what goes wrong into one line and an exit code."""
    try:
        yield
    except ScriptError as error:
        typer.echo(f"sealgate: {error}", err=True)
        raise SystemExit(int(error.exit_code)) from None
    except StartError as error:
        typer.echo(f"sealgate: {error}", err=True)
        raise SystemExit(int(Exit.CONFIGURATION)) from None
    except OSError as error:  # somebody who may not even look, or a disk that takes no more
        typer.echo(f"sealgate: {_unusable(error)}", err=True)
        raise SystemExit(int(Exit.CONFIGURATION)) from None
    except KeyboardInterrupt:
        typer.echo("sealgate: stopped; the vault goes on.", err=True)
        raise SystemExit(130) from None


def _unusable(error: OSError) -> str:
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    if isinstance(error, PermissionError):
        return f"{what}. hint: run this as root or the vault's user"
    return f"the vault's files cannot be used ({what}). hint: is the disk full? `sealgate doctor` looks"
