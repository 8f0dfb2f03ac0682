"""A whole installation with a simulated provider, and the main job on it: what tests of deployment share."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sealgate.envelope import Context, SealingPublicKey, encode_text, seal
from sealgate.ids import new_id
from sealgate.session import SessionSigner, SigningKey
from sealgate.settings import Settings, load
from tests.up_running import CLEAN

ROOT = Path(__file__).parent.parent.parent
OFFICE = Path(__file__).parent / "office.py"


class Provider:
    """The simulator as a process."""

    def __init__(self, folder: Path) -> None:
        self.certificates = folder / "simulator"
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sealgate", "simulator", "--certificates", str(self.certificates)),
                *("--port", "0", "--control-port", "0"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=CLEAN,
        )
        assert self._process.stdout is not None
        line = next(line for line in self._process.stdout if " started " in line)
        port = next(word.partition("=")[2] for word in line.split() if word.startswith("port="))
        self.origin = f"https://simulator.localhost:{port}"
        self.authority = folder / "authority.pem"  # for every user to read
        self.authority.write_bytes((self.certificates / "authority.pem").read_bytes())
        self.authority.chmod(0o644)

    @property
    def sections(self) -> dict[str, dict[str, object]]:
        """Settings that name it: a destination for the vault, an authority for the proxy."""
        row = {"provider": "openai", "origin": self.origin, "label": "Simulated"}
        return {
            "vault": {"destinations": [row]},
            "egress": {"ca_file": str(self.authority)},
        }

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)
        if self._process.stdout:
            self._process.stdout.close()


class Job:
    """The main job on one installation: seed, deposit, ask. `as_console` prefixes the office's command."""

    def __init__(self, config: Path, provider: Provider, as_console: tuple[str, ...] = ()) -> None:
        self.config, self.provider = config, provider
        self._as_console = as_console
        self.key = b"sk-sim-" + secrets.token_urlsafe(36).encode()
        self.signing = SigningKey.generate(new_id("key"))
        self.application = ""

    @property
    def settings(self) -> Settings:
        """The installation's."""
        return load(self.config, {})

    def deposit(self) -> str:
        """Make the application and put the key in, sealed; gives the key's last four characters."""
        public = self.signing.public
        encoded = base64.b64encode(public.public_key).decode()
        ended = subprocess.run(
            [
                *(*self._as_console, sys.executable, str(OFFICE)),
                *(str(self.config), self.provider.origin, public.kid, encoded),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**CLEAN, "PYTHONPATH": str(ROOT)},
        )
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        self.application = told["application"]
        seen = self._post("/deposit/ticket", {"ticket": told["ticket"]})
        envelope = encode_text(seal(self.key, *_sealing(seen)))
        return str(self._post("/deposit", {"ticket": told["ticket"], "envelope": envelope})["last_four"])

    def token(self) -> str:
        """A session token, as a host application mints it."""
        signer = SessionSigner(self.application, self.settings.instance, self.signing)
        return signer.token("reader-1", ["api:*"])

    def ask(self, model: str = "gpt-sim") -> str:
        """One streamed answer through the proxy's own listener."""
        status, text = self._ask(model)
        assert status == 200, text
        return completion(text)

    def status(self, model: str = "gpt-sim") -> int:
        """The status of the same, whatever it is."""
        return self._ask(model)[0]

    def _ask(self, model: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.settings.proxy.port, timeout=30)
        with contextlib.closing(connection):
            body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "Hello."}]}
            headers = {"authorization": f"Bearer {self.token()}", "content-type": "application/json"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def _post(self, path: str, body: Mapping[str, str]) -> dict[str, Any]:
        vault = self.settings.vault
        connection = http.client.HTTPConnection("127.0.0.1", vault.port, timeout=10)
        host = vault.url.partition("://")[2]
        headers = {"content-type": "application/json", "origin": vault.url, "host": host}
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), headers)
            answer = connection.getresponse()
            text = answer.read()
        assert answer.status == 200, text
        return dict(json.loads(text))


def completion(stream: str) -> str:
    """The text of a stream of events."""
    events = [line.removeprefix("data: ") for line in stream.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]", stream
    chunks = [json.loads(event) for event in events[:-1]]
    return "".join(each["choices"][0]["delta"].get("content") or "" for each in chunks if each["choices"])


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that other system users may enter; pytest's own may not be."""
    folder = Path(tempfile.mkdtemp(prefix="sg-", dir="/tmp"))  # a short path: sockets lie in it
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _sealing(seen: Mapping[str, Any]) -> tuple[SealingPublicKey, Context]:
    offered = seen["keys"][0]
    context = Context(
        instance=seen["instance"],
        organization=seen["organization"]["id"],
        application=seen["application"]["id"],
        credential=seen["credential"],
        version=seen["version"],
        provider=seen["provider"]["id"],
        origin=seen["origin"],
        key_id=_decode(offered["key_id"]),
    )
    return SealingPublicKey(_decode(offered["public_key"]), offered["suite"]), context


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
