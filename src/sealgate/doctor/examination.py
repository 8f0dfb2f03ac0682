"""The examination: every check of the literal table, one after the other; nothing is changed by it.

Counterpart: the command `sealgate doctor`, which shows the findings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from sealgate.doctor.administrators import administrators
from sealgate.doctor.asking import NotAnsweredError, ask_provider, provider_origins
from sealgate.doctor.clock import clock
from sealgate.doctor.erasures import erasures
from sealgate.doctor.files import databases, disk, folders, identity
from sealgate.doctor.findings import Case, Finding, State, ok, problem, skipped, warning
from sealgate.doctor.keks import kek
from sealgate.doctor.limit_store import limits
from sealgate.doctor.listeners import certificates, processes, sockets
from sealgate.proxy.egress import EgressError, tls_context
from sealgate.settings import SettingsError, identify, read
from sealgate.vault.destinations import BUILT_IN

Check = Callable[[Case], Iterator[Finding]]


def egress(case: Case) -> Iterator[Finding]:
    """Every provider answers over verified TLS, by the configured way out."""
    try:
        tls_context(Path(case.settings.egress.ca_file) if case.settings.egress.ca_file else None)
    except EgressError as error:
        what, _, hint = str(error).partition(". hint: ")
        yield problem("egress", f"egress.ca_file: {what}", hint)
        return
    if not case.egress:
        yield skipped("egress", "providers were not asked", "sealgate doctor --egress")
        return
    for origin in provider_origins(case.settings):
        try:
            answer = ask_provider(case.settings, origin)
        except NotAnsweredError as error:
            hint = "look at egress.proxy, egress.ca_file, egress.networks and the firewall"
            needed = origin != BUILT_IN[0].origin or not case.settings.vault.destinations
            tell = problem if needed else warning  # keys may all go to the configured ones
            yield tell("egress", f"{origin}: {error}", hint)
        else:
            yield ok("egress", f"{origin} answers ({answer.status})")


CHECKS: Mapping[str, Check] = {
    "identity": identity,
    "folders": folders,
    "kek": kek,
    "administrators": administrators,
    "databases": databases,
    "erasures": erasures,
    "disk": disk,
    "sockets": sockets,
    "certificates": certificates,
    "processes": processes,
    "limits": limits,
    "clock": clock,
    "egress": egress,
}


def examine(config: Path, *, ask_providers: bool = False, now_s: float | None = None) -> tuple[Finding, ...]:
    """Look at everything; settings that cannot be read are the only finding."""
    try:
        settings = read(config)
    except SettingsError as error:
        message, _, hint = str(error).partition(". hint: ")
        return (problem("settings", message, hint),)
    findings = [ok("settings", f"{config} and the environment are understood")]
    try:
        settings = identify(settings)
    except SettingsError as error:
        message, _, hint = str(error).partition(". hint: ")
        if "does not exist" not in message:
            findings.append(problem("identity", message, hint))
    case = Case(settings, time.time() if now_s is None else now_s, ask_providers)
    for check in CHECKS.values():
        findings += check(case)
    return tuple(findings)


def is_well(findings: tuple[Finding, ...]) -> bool:
    """True if there is no problem."""
    return all(finding.state is not State.PROBLEM for finding in findings)


def in_words(findings: tuple[Finding, ...]) -> str:
    """The findings for people."""
    lines = []
    for each in findings:
        lines.append(f"{each.state.value:8} {each.check:13} {each.message}")
        if each.hint:
            lines.append(f"{'':22} hint: {each.hint}")
    return "\n".join(lines)
