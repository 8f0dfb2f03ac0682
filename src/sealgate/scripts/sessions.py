"""`sealgate session`: signs a session token as a host application's server would. Works without a network.

For trying things out and for scripts on the host's side; whoever has the signing key can spend.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from sealgate.ids import is_id
from sealgate.scripts.failures import Exit, ScriptError
from sealgate.session import MalformedClaims, SessionKeyError, SessionSigner, SigningKey

_KID = re.compile(r"key_[a-z2-7]{20}")


class SessionOrder(Struct, frozen=True):
    """What the token should say."""

    application: str
    instance: str
    user: str
    signing_key: Path
    kid: str = ""
    permissions: Sequence[str] = ("action:*",)
    origin: str = ""
    lifetime_s: int = 900


def session_token(order: SessionOrder) -> str:
    """The token; raises `ScriptError`."""
    for prefix, text in (("app", order.application), ("inst", order.instance)):
        if not is_id(prefix, text):  # type: ignore[arg-type]
            hint = f"It looks like {prefix}_ and 20 characters; the console shows it."
            raise ScriptError(Exit.DATA, f"{text!r} is no id.", hint)
    signer = SessionSigner(order.application, order.instance, _signing_key(order))
    try:
        return signer.token(
            order.user,
            tuple(order.permissions),
            origin=order.origin or None,
            lifetime_s=order.lifetime_s,
        )
    except MalformedClaims as error:
        raise ScriptError(Exit.DATA, f"{str(error)[:1].upper()}{str(error)[1:]}.", error.hint) from None


def _signing_key(order: SessionOrder) -> SigningKey:
    try:
        text = order.signing_key.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise ScriptError(
            Exit.CONFIGURATION, f"Cannot read {order.signing_key}: {reason}.", "Name the private half's file."
        ) from None
    named = _KID.search(order.signing_key.name)
    kid = order.kid or (named[0] if named else "")
    try:
        if text.lstrip().startswith("{"):
            return SigningKey.from_jwk(text, kid or None)
        if not kid:
            raise ScriptError(
                Exit.DATA,
                "The PEM does not say which key it is.",
                "Give --kid key_…, as the console shows it, or name the file key_….pem.",
            )
        return SigningKey.from_pem(text, kid)
    except SessionKeyError as error:
        raise ScriptError(Exit.DATA, f"{str(error)[:1].upper()}{str(error)[1:]}.", error.hint) from None
