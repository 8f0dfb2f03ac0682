"""Behind Caddy and nginx, as deploy/ has them: HTTP/2 to clients, streams as they come, stop means stop."""

from __future__ import annotations

import itertools
import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.settings import Settings
from tests.deploy.fronts import FRONTS, Front
from tests.deploy.installation import Job, Provider, completion
from tests.listening.making import make_files
from tests.up_running import RunningUp, free_ports, get, local_settings, wait_for

pytestmark = pytest.mark.front


class Behind:
    """An installation behind a front."""

    def __init__(self, folder: Path, kind: str, provider: Provider) -> None:
        self.kind = kind
        (self.port,) = free_ports(1)
        names = {name: f"{name}.localhost" for name in ("vault", "console", "proxy")}
        self.tls = make_files(folder, "console.localhost", names=tuple(names.values()))
        sections = {**provider.sections}
        for name, host in names.items():
            sections[name] = {**sections.get(name, {}), "url": f"https://{host}:{self.port}"}
        raw = {**local_settings(folder, **sections), "trusted_proxies": ["127.0.0.1"]}
        self.up = RunningUp(folder / "in", raw)
        self.job = Job(self.up.config, provider)
        self.front: Front | None = None
        self._folder = folder

    def start(self) -> None:
        """The installation, then what is in front of it."""
        self.up.start()
        self.job.deposit()
        self.front = FRONTS[self.kind](self._folder, self.settings, self.port, self.tls)

    @property
    def settings(self) -> Settings:
        return self.up.settings

    def curl(self, name: str, path: str, *options: str) -> list[str]:
        """The command of a client that speaks HTTP/2 and checks the certificate."""
        return [
            *("curl", "--silent", "--show-error", "--no-buffer", "--http2", "--noproxy", "*"),
            *("--cacert", str(self.tls.certificate)),
            *("--resolve", f"{name}.localhost:{self.port}:127.0.0.1"),
            *options,
            f"https://{name}.localhost:{self.port}{path}",
        ]

    def chat(self, model: str, **fields: object) -> list[str]:
        """The command of a streamed request."""
        message = {"role": "user", "content": "Hello."}
        body = json.dumps({"model": model, "stream": True, "messages": [message], **fields})
        token = f"authorization: Bearer {self.job.token()}"
        headers = ("-H", token, "-H", "content-type: application/json")
        return self.curl("proxy", "/v1/chat/completions", *headers, "--data-binary", body)

    def outcomes(self) -> dict[str, int]:
        """What the proxy has counted."""
        page = get(f"http://localhost:{self.settings.proxy.admin_port}/-/outcomes")
        return dict(json.loads(page.body)["outcomes"])

    def stop(self) -> None:
        if self.front is not None:
            self.front.stop()
        self.up.stop()


@pytest.fixture(scope="module", params=FRONTS)
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    folder = tmp_path_factory.mktemp("front")
    provider = Provider(folder)
    made = Behind(folder, request.param, provider)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        provider.stop()


def run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    ("name", "path", "word"),
    [
        ("console", "/sign-in", "Sign in"),
        ("vault", "/deposit", "<html"),
        ("proxy", "/assistant/v1/me", "error"),
    ],
)
def test_browsers_get_http_2_and_our_own_answers(behind: Behind, name: str, path: str, word: str) -> None:
    text = run(behind.curl(name, path, "--write-out", "\nversion %{http_version}"))
    assert text.endswith("version 2")
    assert word.lower() in text.lower()


def test_events_arrive_as_they_are_sent(behind: Behind) -> None:
    """The provider sends two events a second: gathered anywhere on the way, they would arrive together."""
    with subprocess.Popen(behind.chat("sim-slow", max_tokens=8), stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        at = [(time.monotonic(), line) for line in client.stdout if line.startswith("data: ")]
    assert at[-1][1] == "data: [DONE]\n"
    spans = [later - earlier for (earlier, _), (later, _) in itertools.pairwise(at)]
    assert at[-1][0] - at[0][0] > 2.0, "the first event came with the last"
    assert sum(span > 0.2 for span in spans) >= 4, "events came in bunches"


def test_a_whole_answer_is_the_same_as_without_a_front(behind: Behind) -> None:
    assert completion(run(behind.chat("gpt-sim"))) == behind.job.ask()


def test_a_client_that_leaves_ends_the_call(behind: Behind) -> None:
    before = behind.outcomes().get("cancelled", 0)
    client = subprocess.Popen(behind.chat("sim-slow"), stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    assert client.stdout.readline().startswith("data: ")
    client.kill()
    client.wait(10)
    client.stdout.close()
    wait_for(lambda: behind.outcomes().get("cancelled", 0) == before + 1, 20)


def test_a_large_body_passes_and_is_judged_by_us(behind: Behind) -> None:
    message = {"role": "user", "content": "x" * 1_500_000}
    body = behind.up.folder / "body.json"
    body.write_text(json.dumps({"model": "gpt-sim", "messages": [message]}))
    token = f"authorization: Bearer {behind.job.token()}"
    text = run(
        behind.curl(
            "proxy",
            "/v1/chat/completions",
            *("-H", token, "-H", "content-type: application/json", "--data-binary", f"@{body}"),
        )
    )
    assert "type" in json.loads(text)["error"]


def test_nothing_of_a_request_stands_in_the_fronts_log(behind: Behind) -> None:
    run(
        behind.curl(
            "proxy", "/v1/models", "-H", f"authorization: Bearer {behind.job.token()}", "-A", "canary"
        )
    )
    logs = [path for path in behind.tls.key.parent.glob("*.log") if path.is_file()]
    text = "".join(path.read_text() for path in logs)
    assert logs
    for secret in ("canary", "Hello.", "/v1/models", "Bearer"):
        assert secret not in text


def test_a_cookie_is_for_https_alone(behind: Behind) -> None:
    text = run(behind.curl("console", "/sign-in", "--include"))
    assert "__host-" in text.lower()
    assert "; secure" in text.lower()
    assert "strict-transport-security" in text.lower()
