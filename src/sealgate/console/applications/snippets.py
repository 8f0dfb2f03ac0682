"""What a developer copies into the host application, filled in with this application's ids.

Pure. Counterparts: the assistant's element and `sealgate.session`; their tests hold these lines to the truth.
"""

from __future__ import annotations

from msgspec import Struct

_HTML = """\
<script type="module" src="{proxy}/assistant/v1/sealgate-assistant.js"></script>

<textarea id="story" rows="8"></textarea>
<sealgate-assistant for="story" proxy="{proxy}" session-url="/assistant/session"></sealgate-assistant>"""

_PYTHON = """\
from pathlib import Path

from sealgate.session import SessionSigner, SigningKey

signer = SessionSigner(
    application="{application}",
    instance="{instance}",
    signing_key=SigningKey.from_pem(Path("{kid}.pem").read_text(), kid="{kid}"),
)


def assistant_session(user_id: str) -> dict[str, str]:
    \"\"\"Answer POST /assistant/session with this as JSON: for your signed-in user only, CSRF checked.\"\"\"
    return {{"token": signer.token(user=user_id, permissions=["action:*"]{origin})}}"""


class Snippets(Struct, frozen=True):
    """The page's part and the back end's part."""

    html: str
    python: str


def make_snippets(*, proxy_url: str, instance: str, application: str, kid: str, origin: str) -> Snippets:
    """Both parts; `origin` may be empty, `kid` is the newest session key's id or a stand-in."""
    bound = f', origin="{origin}"' if origin else ""
    return Snippets(
        html=_HTML.format(proxy=proxy_url),
        python=_PYTHON.format(application=application, instance=instance, kid=kid, origin=bound),
    )
