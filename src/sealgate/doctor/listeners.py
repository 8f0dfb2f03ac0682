"""What listens: sockets, ports, certificates, and whether the processes answer and have found each other.

Counterpart: `up.programs`, which asks the same questions at a start.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import stat
from collections.abc import Iterator
from typing import Any

from sealgate.doctor.findings import Case, Finding, ok, problem, skipped, warning
from sealgate.listening.certificates import EXPIRING_DAYS, TlsError, load
from sealgate.messages.server import SocketPathError, check_socket_path
from sealgate.settings.checks import sections
from sealgate.settings.table import tls_files
from sealgate.supervisor import Probe, answers
from sealgate.up.programs import readiness

_STATE_S = 5.0
"""The vault may wait that long for its KEK's keeper before it says that there is no answer."""
SOCKETS = ("vault-opener.sock", "vault-desk.sock", "console-feed.sock")


def certificates(case: Case) -> Iterator[Finding]:
    """Each certificate fits its key, its name and the date."""
    for name, section in sections(case.settings):
        files = tls_files(section)
        if files is None:
            continue
        try:
            certificate, _ = load(files, case.now_s)
        except TlsError as error:
            yield problem("certificates", f"{name}: {str(error).partition('. hint: ')[0]}", error.hint)
            continue
        days = certificate.days_left(case.now_s)
        told = f"{name}: {files.certificate} is good for {int(days)} days, for {files.host}"
        if days < EXPIRING_DAYS:
            yield warning("certificates", told, "put a new one into the same files; no restart needed")
        else:
            yield ok("certificates", told)


def sockets(case: Case) -> Iterator[Finding]:
    """The sockets between the processes can be made, and stand open to nobody else."""
    folder = case.settings.runtime_folder
    try:
        check_socket_path(folder / SOCKETS[0])
    except SocketPathError as error:
        message, _, hint = str(error).partition(". hint: ")
        yield problem("sockets", message, hint)
        return
    try:
        open_to_all = [path for path in folder.iterdir() if path.lstat().st_mode & stat.S_IRWXO]
        mode = stat.S_IMODE(folder.stat().st_mode)
    except FileNotFoundError:
        yield skipped("sockets", f"{folder} is not there yet", "a start makes it")
        return
    except OSError as error:
        yield skipped("sockets", f"{folder}: {error.strerror}", "run the doctor as root")
        return
    if mode & stat.S_IRWXO or open_to_all:
        yield problem("sockets", f"{folder} or a socket in it stands open to everybody", f"chmod o= {folder}")
    elif mode & stat.S_IWGRP and not mode & stat.S_ISVTX:
        yield problem(
            "sockets",
            f"members of the group of {folder} can replace each other's sockets",
            f"chmod +t {folder}",
        )
    else:
        yield ok("sockets", f"{folder} is for the processes alone")


def processes(case: Case) -> Iterator[Finding]:
    """The three processes answer, and the proxy has found the other two."""
    probes = readiness(case.settings)
    # Asking the proxy whether it lives, not whether it is ready: that is told apart below.
    proxy = probes["proxy"]
    asked = {**probes, "proxy": Probe(proxy.host, proxy.port, "/healthz", proxy.name)}
    found = {name: asyncio.run(answers(probe)) for name, probe in asked.items()}
    for name, probe in asked.items():
        where = f"{probe.host}:{probe.port}"
        if found[name]:
            yield ok("processes", f"the {name} answers at {where}")
        elif not _free(probe):
            yield problem(
                "processes",
                f"something listens at {where} that does not answer as the {name}",
                f"look what it is (ss -ltnp), stop it, or set another {name} port",
            )
        elif any(found.values()):
            yield problem(
                "processes", f"the {name} does not answer at {where}", "look into its log; start it"
            )
        else:
            yield skipped("processes", f"the {name} does not run", "start it: `sealgate up`, or systemd")
    if found["vault"]:
        vault = case.settings.vault
        yield from _vault(_asked(vault.admin_host, vault.admin_port))
    if found["proxy"]:
        yield from _proxy(_asked(proxy.host, proxy.port))


def _asked(host: str, port: int) -> Any:
    """What a process says of itself on its port for operators; None if it does not."""
    connection = http.client.HTTPConnection(host, port, timeout=_STATE_S)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz", headers={"host": "localhost"})
            return json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return None


_VAULT_HINTS = {
    "database": "look for alarms in the vault's log, and at its disk",
    "anchor": "free disk space: until the anchor can be written, no change is accepted",
    "kek": "look at the KEK's keeper and at [kek]; `sealgate kek status` says more",
}


def _vault(state: Any) -> Iterator[Finding]:
    if not isinstance(state, dict) or not _VAULT_HINTS.keys() <= state.keys():
        yield problem(
            "processes",
            "the vault does not tell its state",
            "look into its log, and what listens at vault.admin_port",
        )
        return
    wrong = [name for name in _VAULT_HINTS if state[name] != "ok"]
    for name in wrong:
        yield problem("processes", f"the vault says of its {name}: {state[name]}", _VAULT_HINTS[name])
    if not wrong:
        yield ok("processes", "the vault can use its database, its anchor and its KEK")


def _proxy(state: Any) -> Iterator[Finding]:
    if state is None:
        yield problem("processes", "the proxy does not tell its state", "look into its log")
        return
    for name, connected in state["connected"].items():
        if not connected:
            yield problem(
                "processes",
                f"the proxy is not connected to the {name}",
                f"start the {name}; compare release, instance and [users] of both",
            )
    if not state["journal"]:
        yield problem("processes", "the proxy's journal has no room: requests are refused", "free disk space")
    if all((*state["connected"].values(), state["journal"])):
        yield ok("processes", "the proxy is connected to vault and console, and its journal has room")


def _free(probe: Probe) -> bool:
    try:
        with socket.create_connection((probe.host, probe.port), timeout=1):
            return False
    except OSError:
        return True
