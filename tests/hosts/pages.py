"""The code blocks of docs/hosts, written to files as a host would paste them, and what their tokens must say.

A block names its file in its first comment. The tests of this folder run those files; nothing here is a copy.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from sealgate.ids import new_id
from sealgate.session import Algorithm, Session, SessionSigner, SigningKey, verify

ROOT = Path(__file__).parent.parent.parent
ORIGIN = "https://app.example"
USER = "account-17"
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
_FILE = re.compile(r"(?:<\?php\n)?(?://|#) (\S+\.\w+)\n")


def blocks(page: str) -> dict[str, str]:
    """The blocks of a page under docs/ that name a file, by that name."""
    text = (ROOT / "docs" / page).read_text()
    bodies = [body for _, body in _BLOCK.findall(text)]
    return {named[1]: body for body in bodies if (named := _FILE.match(body))}


def write_blocks(page: str, folder: Path) -> Path:
    """Paste every named block of the page below the folder."""
    for name, body in blocks(page).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
    return folder


@dataclass(frozen=True)
class Host:
    """One host application's ids and key, and the environment that its snippets read."""

    application: str
    instance: str
    signing_key: SigningKey
    key_file: Path

    @classmethod
    def make(cls, folder: Path, algorithm: Algorithm = "Ed25519") -> Host:
        """A host with a fresh key, saved as the console's page hands it out."""
        key = SigningKey.generate(algorithm=algorithm)
        key_file = folder / "session-key.pem"
        key_file.touch(mode=0o600)
        key_file.write_text(key.to_pem())
        return cls(new_id("app"), new_id("inst"), key, key_file)

    @property
    def environment(self) -> dict[str, str]:
        """The five variables of docs/hosts/README.md."""
        return {
            "ASSISTANT_APPLICATION": self.application,
            "ASSISTANT_INSTANCE": self.instance,
            "ASSISTANT_KEY_ID": self.signing_key.kid,
            "ASSISTANT_KEY_FILE": str(self.key_file),
            "ASSISTANT_ORIGIN": ORIGIN,
        }

    def verify(self, token: str) -> Session:
        """The session, as the proxy reads it."""
        return verify(token, [self.signing_key.public], self.instance, time.time())

    def check(self, token: str, user: str = USER) -> Session:
        """Verify a token, and that it says what `sealgate.session` would have said of this user."""
        session = self.verify(token)
        own = self.verify(SessionSigner(self.application, self.instance, self.signing_key).token(user))
        assert (session.subject, session.sid) == (user, own.sid)
        assert session.application == self.application
        assert session.origin == ORIGIN
        assert session.permits("action:shorten")
        assert session.expires_at - session.issued_at == 900
        return session
