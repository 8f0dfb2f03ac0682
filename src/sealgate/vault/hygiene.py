"""What the vault does to its own process before it touches a key: no dumps, no key logs, no detours.

Counterparts: `process.run`, which calls it first; `messages.undumpable`, which it shares with the proxy.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from sealgate.log import Log
from sealgate.messages.undumpable import DumpableError, refuse_dumps
from sealgate.vault.faults import StartError

_PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def harden_process() -> None:
    """No core dumps, no reading of memory by the same user; raises `StartError` if the system refuses."""
    try:
        refuse_dumps()
    except DumpableError as error:
        message = "the system does not let the vault refuse memory dumps"
        raise StartError("dumpable", message, error.hint) from error
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
