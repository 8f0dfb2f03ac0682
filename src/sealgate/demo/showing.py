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

from sealgate.demo.house import OWNER_EMAIL, House, open_house
from sealgate.demo.once import Step, StepFailedError, Watch, once, simulated_key
from sealgate.demo.ports import Ports, settle
from sealgate.demo.running import Running
from sealgate.supervisor import NotReadyError

LOUD = (" warning ", " error ")

WELCOME = """
[bold]Sealgate demo[/bold]  everything runs on this machine; the provider is simulated.

  Newsletter  {newsletter}   the host application: sign in as one of two people
  Console     {console}      sign in as [bold]{email}[/bold] with [bold]{password}[/bold]
  Vault       {vault}        the sealing page, when the console sends you there
  Proxy       {api}          base_url for the OpenAI SDKs

Try first
  1. In the newsletter, select a paragraph; choose [bold]Write with AI[/bold], then [bold]Shorten[/bold].
  2. In the console, open [bold]Usage[/bold]: time, action, model, tokens, outcome; no text.
  3. In the console, create an application of your own, make a session key, enter a key
     (any sk-sim- and 20 characters works here), then revoke it and watch the next request be refused.

One system user runs it all: that protects a stolen database, but not against code run in a sibling process.
Files: {folder}   Log: {log}   Stop: Ctrl-C
"""


def show_once(folder: Path, ports: object, *, as_json: bool) -> bool:
    """Run `--once`, show it, and say whether everything held."""
    assert isinstance(ports, Ports)
    terminal = Console(stderr=as_json, highlight=False)
    house = open_house(folder, settle(ports))
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


async def stay_up(folder: Path, ports: object) -> None:
    """Run the demo until SIGINT or SIGTERM."""
    assert isinstance(ports, Ports)
    terminal = Console(highlight=False, soft_wrap=True)
    house = open_house(folder, settle(ports))
    log_path = house.folder / "demo.log"
    log_path.touch(mode=0o600)
    with log_path.open("ab", buffering=0) as log:
        running = Running(house, lambda line: _keep_line(terminal, log, line))
        stop = _stop_event()
        try:
            await _until_stopped(running, house, terminal, stop, log_path)
        finally:
            terminal.print("Stopping …")
            await running.stop()


async def _until_stopped(
    running: Running, house: House, terminal: Console, stop: asyncio.Event, log_path: Path
) -> None:
    with terminal.status("Starting …"):
        await running.start_keepers()
        await running.deposit_and_seed(simulated_key())
        await running.start_servers()
    terminal.print(_welcome(house, log_path))
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


def _welcome(house: House, log_path: Path) -> str:
    return WELCOME.format(
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
