"""What a developer copies into the host application, filled in with this application's ids.

Pure. Counterparts: the assistant's element, `sealgate.session`, `sealgate session` and the official OpenAI
SDK; tests run these lines as they stand. Lines are short enough for the page.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import Struct

NO_KEY = "key_…"
"""Stands for a key's id until there is one."""

_HTML = """\
<script type="module"
  src="{proxy}/assistant/v1/sealgate-assistant.js"
></script>

<textarea id="story" rows="8"></textarea>
<sealgate-assistant for="story" session-url="/assistant/session"
  proxy="{proxy}"></sealgate-assistant>"""

_SIGNER = """\
signer = SessionSigner(
    application="{application}",
    instance="{instance}",
    signing_key=SigningKey.from_pem(
        Path("{kid}.pem").read_text(),
        kid="{kid}",
    ),
)
"""

_PYTHON = (
    """\
from pathlib import Path

from sealgate.session import SessionSigner, SigningKey

"""
    + _SIGNER
    + """\


def assistant_session(user_id: str) -> dict[str, str]:
    # The answer of POST /assistant/session, as JSON:
    # for your signed-in user only, and with CSRF checked.
    token = signer.token(
        user=user_id,
        permissions=["action:*"],{origin}
    )
    return {{"token": token}}"""
)

_TRY_SHELL = """\
TOKEN=$(sealgate session --user me \\
  --application {application} \\
  --instance {instance} \\
  --permission api:chat.completions \\
  --signing-key {kid}.pem)

curl --no-progress-meter {sdk}/v1/chat/completions \\
  --header "Authorization: Bearer $TOKEN" \\
  --header "Content-Type: application/json" \\
  --data '{{
    "model": "{model}",
    "messages": [{{"role": "user", "content": "Say hello."}}]
  }}'"""

_TRY_PYTHON = (
    """\
from pathlib import Path

from openai import OpenAI
from sealgate.session import SessionSigner, SigningKey

"""
    + _SIGNER
    + """\
client = OpenAI(
    base_url="{sdk}/v1",
    api_key=signer.token(user="me", permissions=["api:chat.completions"]),
)
answer = client.chat.completions.create(
    model="{model}",
    messages=[{{"role": "user", "content": "Say hello."}}],
)
print(answer.choices[0].message.content)"""
)


class Snippets(Struct, frozen=True):
    """The page's part, the back end's part, and a first request in two ways."""

    html: str
    python: str
    try_shell: str
    try_python: str


def make_snippets(
    *, proxy_url: str, instance: str, application: str, kid: str, origin: str, model: str
) -> Snippets:
    """All parts; `origin` may be empty, `kid` is the newest session key's id or `NO_KEY`."""
    bound = f'\n        origin="{origin}",' if origin else ""
    ids = {"application": application, "instance": instance, "kid": kid}
    sdk = sdk_address(proxy_url)
    return Snippets(
        html=_HTML.format(proxy=proxy_url),
        python=_PYTHON.format(**ids, origin=bound),
        try_shell=_TRY_SHELL.format(**ids, sdk=sdk, model=model),
        try_python=_TRY_PYTHON.format(**ids, sdk=sdk, model=model),
    )


def sdk_address(proxy_url: str) -> str:
    """Where a program finds the proxy: only browsers know `*.localhost` for sure (RFC 6761 §6.3)."""
    parts = urlsplit(proxy_url)
    if parts.scheme != "http" or not (parts.hostname or "").endswith(".localhost"):
        return proxy_url
    return f"http://127.0.0.1:{parts.port}" if parts.port else "http://127.0.0.1"
