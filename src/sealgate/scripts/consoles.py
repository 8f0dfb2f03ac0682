"""A console as the commands see it: an address, a token, and the management API behind them.

The token comes from a file or from `SEALGATE_TOKEN`, never from the command line, which others can read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from sealgate.scripts.failures import Exit, ScriptError
from sealgate.scripts.talking import Connection

API = "/api/v1"
VARIABLE = "SEALGATE_TOKEN"

_TOKEN = re.compile(r"sgt_[A-Za-z0-9_-]{43}")


def connect(url: str, token_file: Path | None, ca_file: Path | None = None) -> Connection:
    """A connection that shows the token; raises `ScriptError`."""
    token = read_token(token_file, os.environ)
    return Connection(url, {"authorization": f"Bearer {token}"}, ca_file)


def read_token(token_file: Path | None, environment: Mapping[str, str]) -> str:
    """The token from the file, else from the environment; raises `ScriptError`, which never quotes it."""
    text, source = environment.get(VARIABLE, ""), VARIABLE
    if token_file is not None:
        source = str(token_file)
        try:
            text = token_file.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no plain text"
            raise ScriptError(
                Exit.CONFIGURATION, f"Cannot read {token_file}: {reason}.", "Name a file with the token."
            ) from None
    if not text.strip():
        raise ScriptError(
            Exit.CONFIGURATION,
            "There is no token.",
            f"Make one on the console's page “Tokens”; give it with --token-file or in {VARIABLE}.",
        )
    if not _TOKEN.fullmatch(text.strip()):
        raise ScriptError(
            Exit.CONFIGURATION,
            f"What {source} holds is no management token.",
            "One has sgt_ and 43 characters, and nothing else.",
        )
    return text.strip()
