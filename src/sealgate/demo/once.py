"""`sealgate demo --once`: the main job from end to end, headless, and then the hunt.

It looks for the key, and for what was asked, what was answered and by whom.

Each step either holds or the whole run fails: boot, deposit, session, stream, usage, hunt.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
import openai
from msgspec import Struct

from sealgate import settings as settings_file
from sealgate.console.seed import Seeded
from sealgate.demo.collector import Collector, collecting, page
from sealgate.demo.house import House
from sealgate.demo.hunt import KEY, Report, Surface, hunt_all
from sealgate.demo.running import Running
from sealgate.demo.seeding import UsageRow, wait_for_usage
from sealgate.session import SessionSigner
from sealgate.settings import TelemetrySettings

PROMPT = "Write two friendly sentences that announce our spring newsletter about city gardens."
USAGE_WITHIN_S = 10.0
PAGES = ("/metrics", "/-/pool", "/-/limits", "/-/applications")
"""What operators of the proxy see."""


class Step(Struct, frozen=True):
    """One thing that had to hold."""

    name: str
    ok: bool
    seconds: float
    detail: str


class Result(Struct, frozen=True):
    """Everything that `--json` prints."""

    ok: bool
    seconds: float
    steps: tuple[Step, ...]
    completion: str
    usage: UsageRow | None
    hunt: Report | None


class Watch:
    """Where a run is shown while it goes on."""

    def __init__(self, on_step: Callable[[Step], None], on_text: Callable[[str], None]) -> None:
        self.on_step = on_step
        self.on_text = on_text


def simulated_key() -> bytes:
    """A fresh key that the simulator accepts; it is worth nothing anywhere else."""
    return b"sk-sim-" + secrets.token_urlsafe(36).encode()


async def once(house: House, lines: list[str], watch: Watch) -> Result:
    """Run every step. A step that fails ends the run; whatever was started is stopped."""
    with collecting() as collector, watched(house, collector.endpoint) as seen:
        run = _Run(seen, lines, watch, collector)
        try:
            await run.steps()
        finally:
            await run.running.stop()
    return run.result()


@contextmanager
def watched(house: House, endpoint: str) -> Iterator[House]:
    """The house as it is while its operator has traces and metrics sent to a collector.

    Afterwards its settings name none: whoever had that port next would be sent everything.
    """
    telemetry = TelemetrySettings(endpoint=endpoint, metrics_every_s=1.0)
    settings = msgspec.structs.replace(house.settings, telemetry=telemetry)
    settings_file.write(settings, house.settings_path)
    try:
        yield msgspec.structs.replace(house, settings=settings)
    finally:
        settings_file.write(house.settings, house.settings_path)


class _Run:
    def __init__(self, house: House, lines: list[str], watch: Watch, collector: Collector) -> None:
        self.running = Running(house, lines.append)
        self._house = house
        self._lines = lines
        self._watch = watch
        self._collector = collector
        self._key = simulated_key()
        self._word, self._user = f"word-{secrets.token_urlsafe(24)}", f"reader-{secrets.token_urlsafe(24)}"
        self._token = ""
        self._began = self._step_began = time.monotonic()
        self._done: list[Step] = []
        self._completion = ""
        self._usage: UsageRow | None = None
        self._hunt: Report | None = None

    async def steps(self) -> None:
        await self.running.start_keepers()
        seeded, row = await self.running.deposit_and_seed(self._key)
        self._hold("sealed", True, f"credential {row.credential} version {row.version}, …{row.last_four}")
        await self.running.start_servers()
        self._hold("booted", True, "vault, console, proxy, simulator and the demo host application answer")
        token = self._session(seeded.application)
        try:
            request = await self._stream(token)
        except openai.OpenAIError as error:
            self._hold("streamed", False, f"the OpenAI SDK says: {error}")
            raise
        await self._count(seeded, request)
        await self._search()

    def _session(self, application: str) -> str:
        signer = SessionSigner(application, self._house.kept.instance, self._house.signing_key())
        token = self._token = signer.token(self._user, ["api:chat.completions"])
        self._hold("session", True, f"a token for 15 minutes, {len(token)} bytes, signed with Ed25519")
        return token

    async def _stream(self, token: str) -> str:
        base_url = f"http://127.0.0.1:{self._house.ports.proxy}/v1"
        async with openai.AsyncOpenAI(api_key=token, base_url=base_url, max_retries=0) as client:
            stream = await client.chat.completions.create(
                model=self._house.provider.models[0],
                stream=True,
                messages=[{"role": "user", "content": f"{PROMPT} {self._word}"}],
            )
            pieces = 0
            async for chunk in stream:
                text = (chunk.choices[0].delta.content or "") if chunk.choices else ""
                pieces += bool(text)
                self._completion += text
                self._watch.on_text(text)
        self._watch.on_text("\n")
        self._hold(
            "streamed", pieces > 3, f"{pieces} pieces through the official OpenAI SDK {openai.__version__}"
        )
        return str(stream.response.headers["x-request-id"])

    async def _count(self, seeded: Seeded, request: str) -> None:
        self._usage = await wait_for_usage(self._house, seeded, request, USAGE_WITHIN_S)
        row = self._usage
        ok = row is not None and row.outcome == "completed" and row.output_tokens > 0 and not row.estimated
        detail = "no usage row arrived" if row is None else row.sentence()
        self._hold("counted", ok, detail)

    async def _search(self) -> None:
        """Once while everything runs (open files too), and once more after the drain, when all is sent."""
        shown = [page(self._house.ports.admin, path, "localhost") for path in PAGES]
        before = await self._look(shown, self.running.pids())
        await self.running.stop()
        sent = list(self._collector.got)
        self._hunt = report = merge([before, await self._look([*shown, *sent])])
        found = "found" if report.planted_found else "NOT FOUND, so the hunt is void"
        paths = {path for path, _ in sent}
        self._hold(
            "hunted",
            report.clean and paths == {"/v1/traces", "/v1/metrics"},
            f"plaintext {', '.join(report.hunted)}: {len(report.hits)} hits in {report.files} files, "
            f"{report.log_lines} log lines, {len(sent)} deliveries of traces and metrics, "
            f"{len(shown)} pages for operators; "
            f"{_closed(report)}planted control: {found}",
        )

    async def _look(self, surfaces: Sequence[Surface], pids: Sequence[int] = ()) -> Report:
        sought = {
            KEY: self._key,
            "prompt": self._word.encode(),
            "answer": self._completion.encode(),
            "user": self._user.encode(),
            "session token": self._token.rpartition(".")[2].encode(),
        }
        folders, lines = [self._house.folder], list(self._lines)
        return await asyncio.to_thread(hunt_all, sought, folders, lines, pids, surfaces)

    def _hold(self, name: str, ok: bool, detail: str) -> None:
        now = time.monotonic()
        step = Step(name, ok, round(now - self._step_began, 3), detail)
        self._step_began = now
        self._done.append(step)
        self._watch.on_step(step)
        if not ok:
            raise StepFailedError(name, detail)

    def result(self) -> Result:
        return Result(
            ok=all(step.ok for step in self._done) and self._hunt is not None,
            seconds=round(time.monotonic() - self._began, 3),
            steps=tuple(self._done),
            completion=self._completion,
            usage=self._usage,
            hunt=self._hunt,
        )


class StepFailedError(RuntimeError):
    """A step did not hold."""

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")


def _closed(report: Report) -> str:
    return f"{report.closed} processes show only root what they have open; " if report.closed else ""


def merge(reports: Sequence[Report]) -> Report:
    """Several hunts as one: every hit counts, and the control must have been found in each."""
    return Report(
        files=max(report.files for report in reports),
        log_lines=max(report.log_lines for report in reports),
        hits=tuple(dict.fromkeys(hit for report in reports for hit in report.hits)),
        planted_forms=min(report.planted_forms for report in reports),
        planted_found=all(report.planted_found for report in reports),
        surfaces=max(report.surfaces for report in reports),
        hunted=tuple(dict.fromkeys(what for report in reports for what in report.hunted)),
        closed=max(report.closed for report in reports),
    )
