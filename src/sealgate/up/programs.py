"""The three processes as the supervisor starts them: the same commands that systemd or a person would use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from sealgate.settings import Settings, host_of
from sealgate.settings.checks import sections
from sealgate.supervisor import Probe, Program

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


def programs(settings: Settings, config: Path) -> Mapping[str, Program]:
    """Name → program, in the order in which they are stopped last."""
    probes = readiness(settings)
    return {
        name: Program(name, (sys.executable, "-m", "sealgate", "run", name, "--config", str(config)), probe)
        for name, probe in probes.items()
    }


def readiness(settings: Settings) -> Mapping[str, Probe]:
    """Name → the question that the process answers once it is ready."""
    probes = {
        name: Probe(
            _ANY.get(section.host, section.host),
            section.port,
            "/healthz",
            host_of(section.url),
            tls=bool(section.tls_certificate),
        )
        for name, section in sections(settings)
    }
    # The proxy is asked on its port for operators: its public one has no such page.
    probes["proxy"] = Probe(settings.proxy.admin_host, settings.proxy.admin_port, "/readyz", "localhost")
    return probes
