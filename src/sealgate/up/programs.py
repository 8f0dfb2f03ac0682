"""The three processes as the supervisor starts them: the same commands that systemd or a person would use."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from sealgate.settings import Settings, host_of
from sealgate.settings.checks import sections
from sealgate.supervisor import Probe, Program

WELCOMED_NAME = "welcomed"
"""Made once the first start has said what it must: a start that was killed before says it again."""
INVITATION = "sealgate-invitation:"
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


def programs(settings: Settings, config: Path) -> Mapping[str, Program]:
    """Name → program, the last to be stopped first.

    The console's prints `INVITATION` and the first owner's link, until the file `WELCOMED_NAME` is there.
    """
    welcomed = Path(settings.data_dir) / WELCOMED_NAME
    more = {"console": ("--invite-owner-unless", str(welcomed))}
    run = (sys.executable, "-m", "sealgate", "run")
    return {
        name: Program(name, (*run, name, "--config", str(config), *more.get(name, ())), probe)
        for name, probe in readiness(settings).items()
    }


def readiness(settings: Settings) -> Mapping[str, Probe]:
    """Name → the question that the process answers once it is ready (the proxy: has found the others)."""
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
    probes["proxy"] = Probe(settings.proxy.admin_host, settings.proxy.admin_port, "/-/connected", "localhost")
    return probes
