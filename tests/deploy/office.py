"""What an administrator does in the console, as a program in the console's user: it prints one JSON object.

    office.py CONFIG ORIGIN KID PUBLIC-KEY

Makes an organization with one application and its session key, and takes a ticket for the key of ORIGIN.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

from sealgate.console import seed
from sealgate.messages.feed import SessionKeyEntry
from sealgate.messages.tickets import Destination
from sealgate.settings import load

MODELS = ("gpt-sim", "sim-slow")


def main() -> None:
    """Seed and take a ticket."""
    config_path, origin, kid, public_key = sys.argv[1:]
    config = load(Path(config_path)).console_config()
    owner = seed.OwnerSeed("Ada Owner", "ada@example.com", "not-a-secret-0123")
    key = SessionKeyEntry(kid, "Ed25519", base64.b64decode(public_key))
    application = seed.ApplicationSeed("Newsletters", models=MODELS, session_keys=(key,))
    seeded = seed.seed(config, "Larkspur Media", owner, application)
    issued = seed.take_ticket(config, seeded, Destination(provider="openai", origin=origin, label=""))
    print(json.dumps({"application": seeded.application, "ticket": issued.ticket}))  # noqa: T201


if __name__ == "__main__":
    main()
