"""Writes every page of docs/reference from the tables in the code: `make docs`.

tests/test_docs.py fails when a page differs from what this would write.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import msgspec
import typer

from sealgate import cli, settings, supervisor
from sealgate.console import revisions
from sealgate.console.api import openapi, routes
from sealgate.console.database import migrate
from sealgate.log import EventTable, Level
from sealgate.policy import reference as requests_reference
from sealgate.proxy import admin, endpoints
from sealgate.proxy import reference as errors_reference

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by `make docs` from the code. Do not edit. -->\n"


def settings_page() -> str:
    """Every setting with its variable and its default."""
    lines = [
        MADE,
        "# Settings",
        "",
        "One TOML file, given with `--config`. A variable of the environment, where it is set, wins over the",
        "file; what neither says has its default. Lists in variables are separated by commas. Unknown names",
        "are refused by name, in the file and in the environment. Only `data_dir` has no default.",
        "",
        "| setting | variable | default | meaning |",
        "|---|---|---|---|",
        *(_setting(row) for row in settings.rows()),
        "",
        "These variables have the prefix too, but are no settings of an installation:",
        "",
        "| variable | meaning |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, meaning in settings.OTHER_VARIABLES.items()),
    ]
    return "\n".join(lines) + "\n"


def _setting(row: settings.Row) -> str:
    variable = f"`{row.variable}`" if row.variable else "file only"
    return f"| `{row.name}` | {variable} | {_default(row.default)} | {row.meaning} |"


def _default(value: object) -> str:
    if value is msgspec.NODEFAULT:
        return "required"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, tuple):
        return ", ".join(f"`{each}`" for each in value) or "none"
    return f"`{value}`" if value != "" else "empty"


EVENT_TABLES: Mapping[str, str] = {
    "log": "sealgate.log",
    "supervisor": "sealgate.supervisor",
    "vault": "sealgate.vault.events",
    "console": "sealgate.console.events",
    "proxy": "sealgate.proxy.events",
    "simulator": "sealgate.simulator.events",
}


LEVELS: Mapping[Level, tuple[str, str]] = {
    Level.DEBUG: ("Goes on all the time.", "Nothing; drop it where it is too much."),
    Level.INFO: ("Something was done, as it should be.", "Nothing; keep it to know what happened when."),
    Level.WARNING: ("It goes on, and somebody should know.", "Look within the day; `meaning` says at what."),
    Level.ERROR: ("Something does not work, or somebody changed our files.", "Look now; `alarm_…` first."),
}


def events_page() -> str:
    """Every line that can be logged."""
    lines = [
        MADE,
        "# Log events",
        "",
        "A log line is `time level process event field=value …`. Only these events and fields exist:",
        "no prompt, key, address or exception text can be written.",
        "",
        "| level | means | do |",
        "|---|---|---|",
        *(f"| `{level.value}` | {means} | {do} |" for level, (means, do) in LEVELS.items()),
        "",
        "| process | event | level | fields | meaning |",
        "|---|---|---|---|---|",
    ]
    for process, module in EVENT_TABLES.items():
        table: EventTable = importlib.import_module(module).EVENTS
        for name, event in table.items():
            fields = ", ".join(f"`{field}`" for field in event.fields)
            lines.append(f"| {process} | `{name}` | {event.level} | {fields} | {event.meaning} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Every command with its options."""
    lines = [MADE, "# Command line", ""]
    root = typer.main.get_command(cli.app)
    for path, command in _commands(root, "sealgate"):
        lines += [f"## `{path}`", "", (command.help or "").strip(), ""]
        rows = [_parameter(each) for each in command.params if each.name != "help"]
        if rows:
            lines += ["| argument | meaning |", "|---|---|", *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    group: Any = command
    if not hasattr(group, "list_commands"):
        yield path, command
        return
    for name in group.list_commands(None):  # no group of ours looks at the context
        yield from _commands(group.get_command(None, name), f"{path} {name}")


def _parameter(parameter: click.Parameter) -> str:
    names = ", ".join(f"`{name}`" for name in parameter.opts) if parameter.opts else f"`{parameter.name}`"
    return f"| {names} | {getattr(parameter, 'help', None) or ''} |"


def endpoints_page() -> str:
    """Every address that a program may ask, of the proxy and of the console."""
    lines = [
        MADE,
        "# Endpoints",
        "",
        "## Of the proxy",
        "",
        "For end users and back ends, with a session token as `Authorization: Bearer`. An application's",
        "policy says which of the direct ones it offers. What a body may hold: [requests](requests.md).",
        "What comes back when it fails, and what is never served: [errors](errors.md).",
        "",
        "| endpoint | the session needs |",
        "|---|---|",
        *(_served(path, route.endpoint) for path, route in endpoints.PATHS.items()),
        *(_served(path + "{…}".encode(), prefix.endpoint) for path, prefix in endpoints.PREFIXES.items()),
        "",
        "## Of the proxy: pages for operators",
        "",
        "At `proxy.admin_host` and `proxy.admin_port` (this machine alone by default), no token needed:",
        "JSON, and text for Prometheus. A proxy with workers shows one document by worker.",
        "",
        "| page | shows |",
        "|---|---|",
        *(f"| `GET {path.decode()}` | {shown.meaning} |" for path, shown in admin.PAGES.items()),
        f"| `GET {admin.METRICS.decode()}` | {admin.METRICS_MEANING} |",
        "",
        "## Of the console: the management API",
        "",
        "For programs, with a management token as `Authorization: Bearer`. Every form and error is in",
        "[openapi.json](openapi.json), which a console serves without a token at its own address.",
        "",
        "| endpoint | scope | does |",
        "|---|---|---|",
        *(f"| `{way.method} {way.path}` | `{way.needs.value}` | {way.words} |" for way in routes.WAYS),
    ]
    return "\n".join(lines) + "\n"


def _served(path: bytes, endpoint: endpoints.Endpoint) -> str:
    family = "…" if endpoint.permission.endswith(":") else ""
    needs = (
        f"`{endpoint.permission}{family}`"
        if endpoint.permission
        else "a session" * endpoint.name.endswith("me")
    )
    return f"| `{endpoint.method.decode()} {path.decode()}` | {needs or 'nothing'} |"


PAGES: Mapping[str, Callable[[], str]] = {
    "endpoints.md": endpoints_page,
    "settings.md": settings_page,
    "events.md": events_page,
    "cli.md": cli_page,
    "requests.md": requests_reference.request_reference,
    "errors.md": errors_reference.error_reference,
}


def main() -> None:
    """Write every page, the management API's document, and what a new database of the console is made of."""
    REFERENCE.mkdir(exist_ok=True)
    (REFERENCE / "openapi.json").write_text(openapi.text())
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())
    with tempfile.TemporaryDirectory() as folder:
        database = Path(folder) / "console.db"
        migrate(database, revisions.newest_revision())
        revisions.NEW.write_text(revisions.statements(database))


if __name__ == "__main__":
    assert supervisor.EVENTS
    main()
