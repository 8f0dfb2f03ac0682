"""Administrators of the vault: whether somebody could approve what the settings say must be approved.

What vault.db says is read as it stands; only the vault can verify it (`sealgate vault administrators list`).
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sealgate.doctor.findings import Case, Finding, ok, problem, skipped
from sealgate.vault.approvals import NEEDED
from sealgate.vault.foundation import DATABASE_NAME

_ENROLLED = "SELECT organization FROM administrators WHERE passkeys > 0"
_INVITE = "sealgate vault administrators invite --name NAME"


def administrators(case: Case) -> Iterator[Finding]:
    """Every deposit that needs an approval could get one."""
    path = Path(case.settings.data_dir) / "vault" / DATABASE_NAME
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=2)) as database:
            able = Counter(str(organization) for (organization,) in database.execute(_ENROLLED))
    except sqlite3.Error:  # of an older release, not there or damaged: the check of the databases says so
        yield skipped("administrators", "vault.db cannot be asked for administrators", "start the vault once")
        return
    policy = case.settings.vault.deposits_need_passkey
    for scope in (each for each in policy if not able[""] and not able[each]):
        yield problem("administrators", f"nobody is enrolled who could approve deposits of {scope}", _INVITE)
    what = "enough" if able[""] >= NEEDED else f"destroying a KEK takes {NEEDED}"
    yield ok("administrators", f"{able['']} enrolled for the whole vault; {what}")
