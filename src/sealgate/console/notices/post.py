"""Hands one e-mail to the outgoing mail server; blocks, so it runs in a thread.

Counterpart: `mailing`. The password is read from its file for each message and stands nowhere else.
"""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage

from sealgate.console.config import MailConfig

PATIENCE_S = 20.0


class PostError(Exception):
    """It was not taken; `reason` is one word. The server's own text is not kept: it may quote anything."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def send(config: MailConfig, message: EmailMessage) -> None:
    """Send it; raises `PostError`."""
    try:
        with _connect(config) as server:
            if config.user and config.password_file is not None:
                server.login(config.user, config.password_file.read_text(encoding="utf-8").strip())
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused:
        raise PostError("recipient_refused") from None
    except smtplib.SMTPAuthenticationError:
        raise PostError("sign_in_refused") from None
    except ssl.SSLError:
        raise PostError("certificate") from None
    except smtplib.SMTPException as error:
        raise PostError(type(error).__name__) from None
    except (OSError, ValueError) as error:  # unreachable, too slow, no file; or what is no header
        raise PostError(type(error).__name__) from None


def _connect(config: MailConfig) -> smtplib.SMTP:
    authorities = str(config.ca_file) if config.ca_file else None
    if config.tls == "tls":
        context = ssl.create_default_context(cafile=authorities)
        return smtplib.SMTP_SSL(config.host, config.port, timeout=PATIENCE_S, context=context)
    server = smtplib.SMTP(config.host, config.port, timeout=PATIENCE_S)
    if config.tls == "starttls":
        try:
            server.starttls(context=ssl.create_default_context(cafile=authorities))
        except BaseException:
            server.close()
            raise
    return server
