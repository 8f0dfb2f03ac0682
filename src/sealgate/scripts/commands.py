"""The commands that work over HTTP: `apply`, `deposit`, `erase`, `erasures`, `usage`, `status`.

Without: `seal`, `session`.

Counterpart: `sealgate.cli`, which loads this only when one of them is asked for. Errors are one line with a
hint and an exit code of `failures.EXITS`, never a traceback.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console as Screen
from typer.core import TyperCommand

from sealgate.messages.erasing import ErasureKind
from sealgate.scripts import deposit as deposits
from sealgate.scripts import erasing, keyboard, offline, reports
from sealgate.scripts.apply import apply_file
from sealgate.scripts.consoles import API, connect
from sealgate.scripts.deposit import Order
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.records import Ways
from sealgate.scripts.sessions import SessionOrder, session_token
from sealgate.scripts.talking import Connection


class Command(TyperCommand):
    """A command whose wrong use has an exit code of its own: 2 is a plan's word for “different”."""

    def make_context(self, *words: Any, **more: Any) -> Any:
        """Read the command line."""
        try:
            return super().make_context(*words, **more)
        except Exception as error:
            if getattr(error, "exit_code", None) == Exit.DIFFERENCE:
                error.exit_code = int(Exit.USAGE)  # type: ignore[attr-defined]
            raise


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ConsoleOption = Annotated[
    str, typer.Option("--console", envvar="SEALGATE_CONSOLE", help="The console's address.")
]
TokenFileOption = Annotated[
    Path | None,
    typer.Option("--token-file", help="File with a management token; else the variable SEALGATE_TOKEN."),
]
CaFileOption = Annotated[
    Path | None, typer.Option("--ca-file", help="PEM file of authorities to trust instead of the system's.")
]
FingerprintOption = Annotated[
    str, typer.Option(help="The vault's sealing keys: eight words or 32 hexadecimal digits.")
]
SaveOption = Annotated[
    Path | None,
    typer.Option("--save-vault-key", help="Seal nothing: write what to seal for, for `sealgate seal`."),
]
SealedForOption = Annotated[
    Path | None, typer.Option("--vault-key", help="With --envelope: the file that it was sealed for.")
]
EnvelopeOption = Annotated[
    Path | None, typer.Option("--envelope", help="Hand in what `sealgate seal` wrote, elsewhere.")
]
ApplicationOption = Annotated[str, typer.Option("--application", help="Its id or external name.")]


@app.command(cls=Command)
def apply(
    file: Annotated[Path, typer.Argument(help="What should be (YAML).")],
    console: ConsoleOption,
    token_file: TokenFileOption = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say what differs and change nothing.")] = False,
    ca_file: CaFileOption = None,
) -> None:
    """Make a console's applications what a file says.

    Needs a token with the scopes read and write. With --plan the exit code is 2 where something differs.
    """
    with _told():
        done = apply_file(file, connect(console, token_file, ca_file), _say, plan=plan)
        raise SystemExit(int(done))


@app.command(cls=Command)
def deposit(  # noqa: PLR0917 - one parameter per option
    application: ApplicationOption,
    console: ConsoleOption,
    token_file: TokenFileOption = None,
    provider: Annotated[str, typer.Option(help="Provider of the destination, such as openai.")] = "",
    origin: Annotated[str, typer.Option(help="Origin of the destination, https://….")] = "",
    fingerprint: FingerprintOption = "",
    vault: Annotated[str, typer.Option(help="The vault's address. [default: as the console says]")] = "",
    stage: Annotated[
        bool, typer.Option("--stage", help="Let the key wait beside the active one until it is switched to.")
    ] = False,
    another: Annotated[
        bool, typer.Option("--another", help="A credential of its own beside the add-on's, for its sources.")
    ] = False,
    save_vault_key: SaveOption = None,
    vault_key: SealedForOption = None,
    envelope: EnvelopeOption = None,
    ca_file: CaFileOption = None,
) -> None:
    """Seal a provider key, read from standard input, and hand it to the vault.

    Needs a token with the scopes read and keys. The key never stands on the command line, and a terminal does
    not show it.
    """
    with _told():
        if (envelope is None) != (vault_key is None) or (envelope is not None and save_vault_key is not None):
            raise ScriptError(
                Exit.USAGE, "--envelope and --vault-key go together.", "First --save-vault-key, then both."
            )
        order = Order(application, provider, origin, vault, fingerprint, stage, another)
        there = connect(console, token_file, ca_file)
        if save_vault_key is not None:
            _save_vault_key(order, there, ca_file, save_vault_key)
        elif envelope is not None and vault_key is not None:
            _deliver(application, there, ca_file, vault_key, envelope)
        else:
            _receive(deposits.deposit(order, there, _ways(), _vaults(ca_file)), stage=stage)


def _save_vault_key(order: Order, console: Connection, ca_file: Path | None, path: Path) -> None:
    saved = deposits.save_vault_key(order, console, _ways(), _vaults(ca_file), path)
    _say(f"saved     {path}; its ticket works once, until {saved.expires_at}")


def _deliver(application: str, console: Connection, ca_file: Path | None, key: Path, envelope: Path) -> None:
    found, sealed = offline.load(key), offline.read_envelope(envelope)
    receipt = deposits.deliver(application, found, sealed, console, _vaults(ca_file))
    _receive(receipt, stage=found.stage)


def _receive(receipt: deposits.Receipt, *, stage: bool) -> None:
    _say(f"sealed    {receipt.credential}, version {receipt.version}{', staged' if stage else ''}")
    _say(f"key       …{receipt.last_four}, fingerprint {receipt.fingerprint}")


def _vaults(ca_file: Path | None) -> deposits.Connect:
    return lambda url: Connection(url, {}, ca_file)


@app.command(cls=Command)
def erase(  # noqa: PLR0917 - one parameter per option
    kind: Annotated[ErasureKind, typer.Argument(help="What to erase.")],
    console: ConsoleOption,
    confirm: Annotated[
        str, typer.Option("--confirm", help="The name of the application, or of the organization.")
    ],
    application: Annotated[str, typer.Option("--application", help="Its id or external name.")] = "",
    credential: Annotated[str, typer.Option("--credential", help="Its id, cred_….")] = "",
    token_file: TokenFileOption = None,
    ca_file: CaFileOption = None,
) -> None:
    """Have the vault destroy everything of a credential, an application or the token's organization.

    Needs a token with the scopes read and erase. Prints the receipt. There is no way back, and nothing can be
    deposited under that id again.
    """
    with _told():
        wanted = {ErasureKind.CREDENTIAL: (True, True), ErasureKind.APPLICATION: (True, False)}
        if wanted.get(kind, (False, False)) != (bool(application), bool(credential)):
            raise ScriptError(
                Exit.USAGE,
                f"This does not say which {kind.value}.",
                "A credential takes --application and --credential, an application the first, else neither.",
            )
        wish = erasing.Wish(kind, confirm, application, credential)
        _say(erasing.erase(wish, connect(console, token_file, ca_file)))


@app.command(cls=Command)
def erasures(
    console: ConsoleOption,
    receipt: Annotated[str, typer.Argument(help="Print this receipt, rcpt_…, signed as of now.")] = "",
    token_file: TokenFileOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ca_file: CaFileOption = None,
) -> None:
    """List what was erased; exits with 1 where one is past its day and not final. Needs the scope read."""
    with _told():
        there = connect(console, token_file, ca_file)
        if receipt:
            _say(erasing.receipt(receipt, there))
            return
        found = erasing.erasures(there)
        if json:
            _say(msgspec.json.encode(found).decode())
        else:
            for line in erasing.lines(found):
                _say(line)
        is_late = any(each.state == erasing.OVERDUE for each in found.items)
        raise SystemExit(int(Exit.FAILED if is_late else Exit.DONE))


@app.command(cls=Command)
def seal(
    vault_key: Annotated[
        Path, typer.Option("--vault-key", help="The file that `sealgate deposit --save-vault-key` wrote.")
    ],
    fingerprint: FingerprintOption = "",
    output: Annotated[Path | None, typer.Option(help="File for the envelope. [default: print it]")] = None,
) -> None:
    """Seal a provider key, read from standard input, on a machine without a network.

    Hand the envelope in on another one: `sealgate deposit --vault-key … --envelope …`.
    """
    with _told():
        text = offline.seal_offline(vault_key, fingerprint, _ways(), output)
        if output is None:
            _say(text)


@app.command(cls=Command)
def session(  # noqa: PLR0917 - one parameter per option
    application: Annotated[str, typer.Option("--application", help="The application's id, app_….")],
    user: Annotated[str, typer.Option("--user", help="The host's own reference of its user, opaque.")],
    signing_key: Annotated[
        Path, typer.Option("--signing-key", help="The session key's private half: PEM or JWK.")
    ],
    instance: Annotated[
        str, typer.Option("--instance", envvar="SEALGATE_INSTANCE", help="The installation's id, inst_….")
    ],
    permission: Annotated[
        list[str] | None, typer.Option("--permission", help="May be given again. [default: action:*]")
    ] = None,
    kid: Annotated[str, typer.Option(help="The session key's id. [default: from the file]")] = "",
    origin: Annotated[str, typer.Option(help="The only browser origin that may use it.")] = "",
    lifetime: Annotated[int, typer.Option(help="Seconds until it expires, at most 3600.")] = 900,
) -> None:
    """Print a session token, signed here. Works without a network."""
    with _told():
        permissions = tuple(permission or ("action:*",))
        _say(
            session_token(
                SessionOrder(application, instance, user, signing_key, kid, permissions, origin, lifetime)
            )
        )


@app.command(cls=Command)
def usage(  # noqa: PLR0917 - one parameter per option
    console: ConsoleOption,
    token_file: TokenFileOption = None,
    application: Annotated[str, typer.Option(help="Only this application: id or external name.")] = "",
    last: Annotated[int, typer.Option(min=0, help="So many exchanges, the newest; 0 for all.")] = 50,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    ca_file: CaFileOption = None,
) -> None:
    """Show exchanges: when, which model, how many tokens, how each ended. Needs the scope usage."""
    with _told():
        if json and csv:
            raise ScriptError(Exit.USAGE, "--json and --csv exclude each other.", "Choose one.")
        there = connect(console, token_file, ca_file)
        rows = list(reports.usage_rows(there, application, last))
        if csv:
            sys.stdout.write(reports.usage_csv(rows))
            return
        totals = reports.usage_totals(there, application)
        if json:
            _say(reports.usage_json(rows, totals))
        else:
            reports.usage_table(rows, totals, Screen())


@app.command(cls=Command)
def status(
    console: ConsoleOption,
    token_file: TokenFileOption = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    ca_file: CaFileOption = None,
) -> None:
    """Say who is connected to the console. Needs the scope read; exits with 1 where something is missing."""
    with _told():
        there = connect(console, token_file, ca_file)
        answer = there.ask("GET", f"{API}/status")
        found = answer.plain()
        if json:
            _say(answer.body.decode())
        else:
            for line in reports.status_lines(found, there.origin):
                _say(line)
        raise SystemExit(int(Exit.DONE if reports.is_well(found) else Exit.FAILED))


def _ways() -> Ways:
    return Ways(
        read_key=lambda: keyboard.read_key(sys.stdin.fileno()),
        confirmed=keyboard.confirmed,
        say=lambda line: typer.echo(line, err=True),
    )


def _say(line: str) -> None:
    typer.echo(line)


@contextmanager
def _told() -> Iterator[None]:
    """Turn what goes wrong into one line and an exit code."""
    try:
        yield
    except ScriptError as error:
        typer.echo(f"sealgate: {error}", err=True)
        raise SystemExit(int(error.exit_code)) from None
    except KeyboardInterrupt:
        typer.echo("sealgate: stopped.", err=True)
        raise SystemExit(130) from None
