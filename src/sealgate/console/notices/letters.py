"""Writes the e-mail that tells an owner of changes: who, what, when, where. Never a key or a link that acts.

Pure. Counterpart: `mailing`, which sends it.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

from msgspec import Struct

from sealgate.console.audit.listing import AuditLine

# Whatever RFC 5322 gives a meaning in a header stands in no such address; people sign in with what they like.
_ONE_ADDRESS = re.compile(r"[^\s\x00-\x20\x7f()<>\[\]:;,\\\"@]+@[^\s\x00-\x20\x7f()<>\[\]:;,\\\"@]+")


class Addressee(Struct, frozen=True):
    """An owner, and the organization whose notices they get."""

    user: str
    email: str
    organization: str
    organization_name: str


def letter(
    to: Addressee, lines: Sequence[AuditLine], *, sender: str, console_url: str, now_s: float
) -> EmailMessage:
    """One e-mail for all of these notices, the newest first; raises `ValueError` for what is no address."""
    message = EmailMessage()
    many = "1 change" if len(lines) == 1 else f"{len(lines)} changes"
    message["From"], message["To"] = sender, _checked(to.email)
    message["Subject"] = f"Sealgate: {many} in {to.organization_name}"
    message["Date"] = format_datetime(datetime.datetime.fromtimestamp(now_s, datetime.UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip(">"))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content("\n".join(_text(to, lines, console_url)) + "\n")
    return message


def _checked(email: str) -> str:
    """The address; raises `ValueError` for one that a header would read as another, as several or as none."""
    if not _ONE_ADDRESS.fullmatch(email) or "=?" in email:
        raise ValueError("no address for a header")
    return email


def _text(to: Addressee, lines: Sequence[AuditLine], console_url: str) -> Sequence[str]:
    return [
        f"In {to.organization_name} on {console_url}:",
        "",
        *(_line(each) for each in lines),
        "",
        f"All of it: {console_url}/notices",
        "",
        "Every owner gets this. What you did not expect, look into at once: revoke the key, the session key",
        "or the token, and remove who should not be there.",
    ]


def _line(line: AuditLine) -> str:
    at = datetime.datetime.fromtimestamp(line.entry.at, datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    detail = f" {line.entry.detail}" if line.entry.detail else ""
    place = f" ({line.application_name})" if line.application_name else ""
    return f"- {at}: {line.who} {line.words}{detail}{place}"
