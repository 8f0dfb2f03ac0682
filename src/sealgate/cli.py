"""The command line: `sealgate demo`, `run`, `simulator`, `console invite-owner`, `version`.

The one composition root that people call. Each command loads only what it needs, so that a vault process
never has console code in its memory. Errors are one line with a hint and an exit code, never a traceback.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Never

import typer
from typer.core import TyperGroup

EX_CONFIG = 78
EX_OSERR = 71
INVITATION = "sealgate-invitation:"
"""What `up` knows the line with the first owner's link by: it must not reach a log."""

SCRIPTS = ("apply", "deposit", "erase", "erasures", "seal", "session", "usage", "status")
OPERATING = ("kek", "vault")
"""Groups of commands for who runs the vault, loaded when one of them is asked for."""


class Commands(TyperGroup):
    """The commands of this file, and those of `scripts`, which are loaded when one of them is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Every name, for the help text."""
        return [*super().list_commands(ctx), *SCRIPTS, *OPERATING]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """One command."""
        if cmd_name in OPERATING:
            from sealgate.scripts import operating_commands

            return typer.main.get_group(operating_commands.app).get_command(ctx, cmd_name)
        if cmd_name not in SCRIPTS:
            return super().get_command(ctx, cmd_name)
        from sealgate.scripts import commands

        group = typer.main.get_group(commands.app)
        return group.get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command of the first word; names the nearest one for a word that is none."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "sealgate --help lists them"
            ctx.fail(f"there is no command {args[0]!r}; hint: {hint}")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Commands,
    help="Put AI writing into your application without letting the API key out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console_app = typer.Typer(help="Tasks of the console.", no_args_is_help=True)
app.add_typer(console_app, name="console")

ConfigOption = Annotated[Path, typer.Option("--config", help="Settings file (TOML).")]


class Part(StrEnum):
    """A process that `sealgate run` starts."""

    VAULT = "vault"
    CONSOLE = "console"
    PROXY = "proxy"


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed_version

    typer.echo(installed_version("sealgate"))


@app.command()
def run(  # noqa: PLR0917 - one parameter per option
    part: Part,
    config: ConfigOption,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Of the proxy: processes that share its port.")
    ] = None,
    worker: Annotated[str, typer.Option(help="Of the proxy with workers, for each of them: its name.")] = "",
    listener: Annotated[
        int | None, typer.Option(help="Of the proxy with workers, for each of them: the socket.")
    ] = None,
    debug_wire: Annotated[
        bool,
        typer.Option(
            "--debug-wire",
            help="Of a proxy on loopback: print what comes and goes on both hops, without content.",
        ),
    ] = False,
    invite_owner_unless: Annotated[
        Path | None,
        typer.Option(
            help="Of `up`, for the console: first print an owner's link, unless this file is there."
        ),
    ] = None,
) -> None:
    """Run one process until it is told to stop."""
    gc.disable()  # nothing of what is loaded becomes garbage, and looking for it takes a tenth of a start
    from sealgate import settings as settings_file
    from sealgate.supervisor import die_with_parent

    die_with_parent()
    try:
        settings = settings_file.load(config)
        if part is Part.CONSOLE and invite_owner_unless is not None and not invite_owner_unless.exists():
            from sealgate.console.invitations import make_first_owner_invitation

            if link := make_first_owner_invitation(settings.console_config()):
                typer.echo(f"{INVITATION} {link}")
        if part is Part.PROXY:
            _start_proxy(settings, config, workers, worker, listener, debug_wire=debug_wire)
        else:
            _start(part, settings)
    except ValueError as error:  # settings and configuration structs refuse with a message and a hint
        _refuse(str(error))
    except OSError as error:  # a full disk, a taken port: it may pass, so the supervisor tries again
        _fail(
            f"the {part} cannot go on: {_told(error)}. hint: `sealgate doctor` looks at disk, ports and files"
        )


def _start(part: Part, settings: object) -> None:
    from sealgate.settings import Settings

    assert isinstance(settings, Settings)
    if part is Part.VAULT:
        from sealgate.vault import process as vault

        _loaded()
        vault.run(settings.vault_config())
    else:
        from sealgate.console import process as console

        _loaded()
        console.run(settings.console_config())


def _start_proxy(
    settings: object,
    path: Path,
    workers: int | None,
    worker: str,
    listener: int | None,
    *,
    debug_wire: bool,
) -> None:
    """One process, one of several workers, or the one that starts them."""
    import msgspec

    from sealgate.settings import Settings

    assert isinstance(settings, Settings)
    config = settings.proxy_config()
    config = msgspec.structs.replace(config, workers=workers or config.workers, listener_fd=listener)
    config = msgspec.structs.replace(config, debug_wire=debug_wire)
    if listener is None:
        from sealgate.up.handed_over import handed_over

        config = msgspec.structs.replace(
            config, handed_over_fd=handed_over(os.environ, config.host, config.port)
        )
    if listener is None and config.limit_store is not None and not debug_wire:
        from sealgate.up import workers as several

        _loaded()
        raise SystemExit(several.run(config, path.resolve()))
    from sealgate.proxy import process as proxy

    if listener is not None:
        admin_socket = config.runtime_dir / f"proxy-{worker}.sock"
        config = msgspec.structs.replace(config, admin_socket=admin_socket)
    _loaded()
    proxy.run(config)


def _loaded() -> None:
    """Collect from here on, and never look again at what was loaded."""
    gc.freeze()
    gc.enable()


@app.command()
def up(config: ConfigOption) -> None:
    """Run vault, console and proxy on this machine; the first start makes what they need."""
    from sealgate.settings import SettingsError
    from sealgate.up.preparing import NotPossibleError
    from sealgate.up.running import up as run_up

    try:
        code = run_up(config, typer.echo)
    except (SettingsError, NotPossibleError) as error:
        _refuse(str(error))
    raise SystemExit(code)


@app.command()
def prepare(config: ConfigOption) -> None:
    """Make the folders and ids that the processes need, and stop; `sealgate up` does this by itself."""
    from sealgate.settings import SettingsError, read
    from sealgate.up.preparing import NotPossibleError
    from sealgate.up.preparing import prepare as make

    try:
        settings = make(read(config))
    except (SettingsError, NotPossibleError) as error:
        _refuse(str(error))
    typer.echo(f"instance {settings.instance}, proxy {settings.proxy.id}")


@app.command()
def doctor(
    config: ConfigOption,
    egress: Annotated[bool, typer.Option("--egress", help="Ask providers too (without a key).")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look at an installation and say what is wrong and what to do; exit code 1 if there is a problem."""
    import msgspec

    from sealgate.doctor.examination import examine, in_words, is_well

    findings = examine(config, ask_providers=egress)
    typer.echo(msgspec.json.encode(findings).decode() if json else in_words(findings))
    raise SystemExit(0 if is_well(findings) else 1)


@app.command()
def backup(
    config: ConfigOption,
    to: Annotated[Path, typer.Option("--to", help="New folder for the copies.")],
) -> None:
    """Copy both databases, also while everything runs; never the KEK."""
    from sealgate.settings import SettingsError, load
    from sealgate.up.backup import apart, back_up
    from sealgate.up.preparing import NotPossibleError

    try:
        settings = load(config)
        copies = back_up(settings, config, to)
    except (SettingsError, NotPossibleError) as error:
        _refuse(str(error))
    for path in copies:
        typer.echo(path)
    for line in apart(settings):
        typer.echo(line)
    typer.echo(f"{to / 'anchor'} goes to a third. docs/howto/backup.md says why, and how to restore.")


@app.command()
def simulator(
    certificates: Annotated[Path, typer.Option(help="Folder for its authority and certificate.")],
    port: Annotated[int, typer.Option(help="HTTPS port on loopback.")] = 8705,
    control_port: Annotated[int, typer.Option(help="Plain-HTTP port that lists calls.")] = 8706,
) -> None:
    """Run the stand-in for the OpenAI API, for demos and tests."""
    from sealgate.simulator import process
    from sealgate.simulator.config import SimulatorConfig
    from sealgate.supervisor import die_with_parent

    die_with_parent()
    process.run(SimulatorConfig(certificate_dir=certificates, listen_port=port, control_port=control_port))


@app.command()
def demo(  # noqa: PLR0917 - one parameter per option
    data: Annotated[
        Path | None, typer.Option("--data", help="Where its files go. [default: demo-data]")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="Run the main job once, headless, and check it.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="With --once: print one JSON document.")] = False,
    console_port: Annotated[int | None, typer.Option(help="[default: 8700]")] = None,
    vault_port: Annotated[int | None, typer.Option(help="[default: 8701]")] = None,
    proxy_port: Annotated[int | None, typer.Option(help="[default: 8702]")] = None,
    admin_port: Annotated[int | None, typer.Option(help="[default: 8703]")] = None,
    newsletter_port: Annotated[int | None, typer.Option(help="[default: 8704]")] = None,
    simulator_port: Annotated[int | None, typer.Option(help="[default: 8705]")] = None,
    control_port: Annotated[int | None, typer.Option(help="[default: 8706]")] = None,
    vault_admin_port: Annotated[int | None, typer.Option(help="[default: 8707]")] = None,
) -> None:
    """Run the whole system on this machine with a simulated provider.

    With SEALGATE_OPENAI_KEY_FILE set, the provider is OpenAI itself, paid for by the key in that file.
    A port of 0 takes any free one. With --once every port is free by default and the files are removed
    afterwards, unless --data says where to keep them.
    """
    chosen = {
        "console": console_port,
        "vault": vault_port,
        "proxy": proxy_port,
        "admin": admin_port,
        "newsletter": newsletter_port,
        "simulator": simulator_port,
        "control": control_port,
        "vault_admin": vault_admin_port,
    }
    if json and not once:
        _refuse("--json goes with --once. hint: sealgate demo --once --json")
    ports = _demo_ports(chosen, free=once)
    key_file = os.environ.get("SEALGATE_OPENAI_KEY_FILE", "")
    if once and key_file:
        _refuse(
            "--once plants copies of its key and searches for them, so it never takes a real one. "
            "hint: unset SEALGATE_OPENAI_KEY_FILE"
        )
    if once:
        _with_folder(data, lambda folder: _once(folder, ports, as_json=json))
    else:
        _stay_up(data or Path("demo-data"), ports, Path(key_file) if key_file else None)


def _demo_ports(chosen: Mapping[str, int | None], *, free: bool) -> Any:
    from sealgate.demo.ports import Ports

    defaults = Ports(**dict.fromkeys(chosen, 0)) if free else Ports()
    return Ports(**{name: getattr(defaults, name) if port is None else port for name, port in chosen.items()})


def _with_folder(data: Path | None, act: Callable[[Path], None]) -> None:
    if data is not None:
        act(data)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="sealgate-") as folder:
        act(Path(folder))


def _once(folder: Path, ports: object, *, as_json: bool) -> None:
    from sealgate.demo import showing

    _guarded(lambda: sys.exit(0 if showing.show_once(folder, ports, as_json=as_json) else 1))


def _stay_up(folder: Path, ports: object, key_file: Path | None) -> None:
    from sealgate.demo import showing

    _guarded(lambda: asyncio.run(showing.stay_up(folder, ports, key_file)))


def _guarded(act: Callable[[], None]) -> None:
    from sealgate.demo.house import DemoFolderError
    from sealgate.demo.key_file import KeyFileError
    from sealgate.demo.ports import PortTakenError
    from sealgate.supervisor import NotReadyError

    try:
        act()
    except (PortTakenError, DemoFolderError, KeyFileError, NotReadyError) as error:
        _refuse(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


@console_app.command("invite-owner")
def invite_owner(config: ConfigOption) -> None:
    """Make a link with which one person becomes an owner; it works once, for 24 hours."""
    from sealgate import settings as settings_file
    from sealgate.console.invitations import make_owner_invitation

    try:
        settings = settings_file.load(config)
        link = make_owner_invitation(settings.console_config())
    except ValueError as error:
        _refuse(str(error))
    except OSError as error:
        _fail(f"the invitation was not made: {_told(error)}. hint: run it as the console's user")
    typer.echo(link)


@console_app.command("audit")
def audit(
    config: ConfigOption,
    check: Annotated[bool, typer.Option("--check", help="Check the chain of the record of changes.")] = False,
    noted: Annotated[
        str, typer.Option(help="A head that you noted earlier; the chain must contain it.")
    ] = "",
    accept: Annotated[
        bool, typer.Option("--accept", help="Stopped, after you looked: go on from where it ends.")
    ] = False,
) -> None:
    """Check the record of changes, with the console running or stopped; exit code 1 if it is not whole."""
    from sealgate import settings as settings_file
    from sealgate.console.audit.checking import accept_audit, check_audit

    if check == accept:
        _refuse("say what to do. hint: sealgate console audit --check --config FILE, or --accept")
    try:
        console = settings_file.load(config).console_config()
        if accept:
            typer.echo(f"accepted; head {accept_audit(console).text()}")
            return
        report = check_audit(console, noted)
    except ValueError as error:
        _refuse(str(error))
    except OSError as error:
        _fail(f"the record cannot be read: {_told(error)}. hint: run it as the console's user")
    for line in report.lines():
        typer.echo(line)
    raise SystemExit(0 if report.sound else 1)


def _refuse(message: str) -> Never:
    typer.echo(f"sealgate: {message}", err=True)
    raise SystemExit(EX_CONFIG)


def _told(error: OSError) -> str:
    told = error.strerror or str(error)
    return f"{told} ({error.filename})" if error.filename else told


def _fail(message: str) -> Never:
    typer.echo(f"sealgate: {message}", err=True)
    raise SystemExit(EX_OSERR)


def main() -> None:
    """Entry point of the `sealgate` command."""
    app()
