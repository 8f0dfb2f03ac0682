"""What each process has in its memory after it was loaded: nothing that only other processes or moments need.

A process that loads less starts sooner, and hundreds are started by these tests. Each list names what was in
the way once, or must never be there.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest

HEAVY: Mapping[str, tuple[str, ...]] = {
    "sealgate.vault.process": ("sqlalchemy", "fido2", "cryptography.x509", "importlib.metadata", "rich"),
    "sealgate.proxy.process": (
        "sqlalchemy",
        "sqlite3",
        "joserfc",
        "cryptography.x509",
        "http.client",
        "importlib.resources",
        "starlette",
        "uvicorn",
    ),
    "sealgate.console.process": ("alembic", "fido2", "joserfc", "cryptography.x509", "genai_prices"),
    "sealgate.doctor.examination": ("sqlalchemy", "fido2", "joserfc", "jinja2", "rich"),
    "sealgate.up.running": ("sqlalchemy", "cryptography", "starlette", "uvicorn", "jinja2"),
    "sealgate.cli": ("sqlalchemy", "cryptography", "msgspec", "importlib.metadata", "rich", "tempfile"),
}
"""By what is loaded first."""


@pytest.mark.parametrize("module", HEAVY)
def test_a_process_loads_nothing_that_it_does_not_need(module: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded = set(told.stdout.split())
    assert module in loaded
    assert loaded.isdisjoint(HEAVY[module])
