"""What the vault does to its own process before it touches a key: no dumps, no key logs, no detours.

Counterpart: `process.run`, which calls it first. It is not undone: a process that was dumpable for a moment
had a moment in which its memory could be read.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Mapping

from sealgate.log import Log
from sealgate.vault.faults import StartError

_PR_SET_DUMPABLE = 4  # prctl(2)
_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def harden_process() -> None:
    """No core dumps, no reading of memory by the same user; raises `StartError` if the system refuses."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise StartError(
            "dumpable", "the system does not let the vault refuse memory dumps", "run it on Linux"
        )
    os.umask(0o077)


def check_environment(environment: Mapping[str, str], log: Log) -> None:
    """Refuse SSLKEYLOGFILE (session keys on disk); warn of proxy variables, which nothing here follows."""
    if environment.get("SSLKEYLOGFILE"):
        raise StartError(
            "sslkeylogfile", "SSLKEYLOGFILE is set", "unset it: it would write session keys to a file"
        )
    for name in _PROXY_VARIABLES:
        if environment.get(name):
            log("proxy_variable_ignored", name=name)
