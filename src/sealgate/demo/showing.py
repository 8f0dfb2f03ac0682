"""What the demo prints: addresses and the owner's sign-in, or the steps of a headless run.

Log lines go to a file in the demo's folder; only warnings and errors reach the terminal.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from sealgate.demo.house import OWNER_EMAIL, House, last_ports, open_house
from sealgate.demo.key_file import read_key
from sealgate.demo.once import Step, StepFailedError, Watch, once, simulated_key
from sealgate.demo.ports import Ports, settle
from sealgate.demo.provider import openai
from sealgate.demo.running import Running
from sealgate.supervisor import NotReadyError

LOUD = (" warning ", " error ")

SIMULATED = "[bold]Sealgate demo[/bold]  everything runs on this machine; the provider is simulated."
REAL = """[bold]Sealgate demo[/bold]  [bold red]REAL MONEY IS SPENT[/bold red]: the provider is OpenAI itself.

  Every request goes to [bold]{origin}[/bold] and is paid for by the account of the key that ends in
  [bold]{last_four}[/bold]. Whoever can open the newsletter on this machine can spend it.
  That key is sealed in {folder} now; the file that you named was only read.
  To end it: revoke it in the console, and at OpenAI too."""

WELCOME = """
{banner}

  Newsletter  {newsletter}   the host application: sign in as one of two people
  Console     {console}      sign in as [bold]{email}[/bold] with [bold]{password}[/bold]
  Vault       {vault}        the sealing page, when the console sends you there
  Proxy       {api}          base_url for the OpenAI SDKs

Try first
  1. In the newsletter, select a paragraph; choose [bold]Write with AI[/bold], then [bold]Shorten[/bold].
  2. In the console, open [bold]Usage[/bold]: time, action, model, tokens, outcome; no text.
  3. {third}

One system user runs it all: that protects a stolen database, but not against code run in a sibling process.
Files: {folder}   Log: {log}   Stop: Ctrl-C
"""


CREATE = """In the console, create an application of your own, make a session key, enter a key
     (any sk-sim- and 20 characters works here), then revoke it and watch the next request be refused."""
REVOKE = """In the console, open the application's add-on: test the key, stage another one beside it and
     switch, or revoke it and watch the next request be refused."""


def show_once(folder: Path, ports: object, *, as_json: bool) -> bool:
    """Run `--once`, show it, and say whether everything held."""
    assert isinstance(ports, Ports)
    terminal = Console(stderr=as_json, highlight=False)
    house = open_house(folder, settle(ports, last_ports(folder)))
    lines: list[str] = []
    watch = Watch(lambda step: _show_step(terminal, step), lambda text: _show_text(terminal, text))
    try:
        result = asyncio.run(once(house, lines, watch))
    except (StepFailedError, NotReadyError) as error:
        _show_lines(terminal, lines)
        terminal.print(f"sealgate: {error}", markup=False)
        return False
    if as_json:
        sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
    return result.ok


async def stay_up(folder: Path, ports: object, key_file: Path | None = None) -> None:
    """Run the demo until SIGINT or SIGTERM; with a key file, against OpenAI itself."""
    assert isinstance(ports, Ports)
    terminal = Console(highlight=False, soft_wrap=True)
    key = simulated_key() if key_file is None else read_key(key_file)
    provider = None if key_file is None else openai()
    kept_in = folder / provider.folder if provider else folder
    house = open_house(folder, settle(ports, last_ports(kept_in)), provider)
    log_path = house.folder / "demo.log"
    log_path.touch(mode=0o600)
    with log_path.open("ab", buffering=0) as log:
        running = Running(house, lambda line: _keep_line(terminal, log, line))
        stop = _stop_event()
        try:
            with terminal.status("Starting …"):
                await running.start_keepers()
                _, row = await running.deposit_and_seed(key)
                del key  # sealed by now
                await running.start_servers()
            terminal.print(welcome(house, row.last_four, log_path))
            await _until_stopped(running, stop)
        finally:
            terminal.print("Stopping …")
            await running.stop()


async def _until_stopped(running: Running, stop: asyncio.Event) -> None:
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(running.refused.wait())]
    _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()


def _stop_event() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    return stop


def welcome(house: House, last_four: str, log_path: Path) -> str:
    """What is printed once everything runs."""
    provider = house.provider
    real = REAL.format(origin=provider.origin, last_four=escape(last_four), folder=house.folder)
    return WELCOME.format(
        banner=SIMULATED if provider.simulated else real,
        third=CREATE if provider.simulated else REVOKE,
        newsletter=house.newsletter_url,
        console=house.settings.console.url,
        vault=house.settings.vault.url,
        api=f"http://127.0.0.1:{house.ports.proxy}/v1",
        email=OWNER_EMAIL,
        password=house.kept.owner_password,
        folder=house.folder,
        log=log_path,
    )


def _keep_line(terminal: Console, log: io.RawIOBase, line: str) -> None:
    with contextlib.suppress(OSError):  # a full disk loses lines, not processes
        log.write(f"{line}\n".encode())
    if any(word in line[:60] for word in LOUD) or "sealgate: " in line[:12]:
        terminal.print(line, markup=False)


def _show_step(terminal: Console, step: Step) -> None:
    mark = "[green]ok[/green]  " if step.ok else "[red]FAILED[/red]"
    terminal.print(f"{mark} {step.name:<9} {step.seconds:6.2f} s  {step.detail}", soft_wrap=True)


def _show_text(terminal: Console, text: str) -> None:
    terminal.print(text, end="", style="italic", markup=False, soft_wrap=True)


def _show_lines(terminal: Console, lines: list[str]) -> None:
    terminal.print("Last log lines:")
    for line in lines[-30:]:
        terminal.print("  " + line, markup=False)
