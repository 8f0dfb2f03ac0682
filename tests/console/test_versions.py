"""Versions of a key: tested through a real feed socket, staged, switched, rolled back, discarded."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from sealgate.console.addon.desk import LOOK_TIME_S
from sealgate.console.addon.probes import NO_PROXY, VERDICTS
from sealgate.console.feed import views as feed_views
from sealgate.ids import new_id
from sealgate.messages.client import Client
from sealgate.messages.feed import FeedNotice, FeedReply, ProbeAsked, ProbeDone, ProbeNoted, ProbeResult
from sealgate.messages.frames import PROTOCOL, Hello, Message, Refusal
from sealgate.messages.tickets import ListCredentials, VersionStanding
from tests.console.fake_desk import OPENAI
from tests.console.running import PASSWORD, Browser, Running
from tests.console.test_addon import AT_OPENAI, IN_EUROPE, activated


class Prober:
    """A proxy that answers tests of keys with `result`, or never where that is `None`."""

    def __init__(self, world: Running, result: ProbeResult | None) -> None:
        config = world.console.config
        hello = Hello(protocol=PROTOCOL, instance=config.instance, process=new_id("prx"))
        self.result = result
        self.asked: list[ProbeAsked] = []
        self.noted: list[Message] = []
        self.up = asyncio.Event()
        self._answers: set[asyncio.Task[None]] = set()
        self.client = Client(
            config.feed_socket,
            hello,
            FeedReply | FeedNotice,
            on_notice=self._heard,
            on_connected=self.up.set,
        )

    def _heard(self, notice: Message) -> None:
        assert isinstance(notice, ProbeAsked)
        self.asked.append(notice)
        if self.result is not None:
            answer = asyncio.create_task(self._answer(notice.probe, self.result))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _answer(self, probe: str, result: ProbeResult) -> None:
        done = ProbeDone(probe=probe, result=result, status=401, duration_ms=840)
        self.noted.append(await self.client.ask(done))


@contextlib.asynccontextmanager
async def proxy(world: Running, result: ProbeResult | None = ProbeResult.OK) -> AsyncIterator[Prober]:
    prober = Prober(world, result)
    running = asyncio.create_task(prober.client.run())
    await prober.up.wait()
    try:
        yield prober
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def staged(world: Running, browser: Browser) -> str:
    """The add-on page's path of an application with a key in use (…7f3Q) and a staged one (…9zzA)."""
    path = await activated(world, browser)
    answer = await browser.submit(f"{path}/key", {**AT_OPENAI, "stage": "yes"}, page=path)
    assert answer.status_code == 303, answer.text
    world.desk.deposit("9zzA")
    return path


def standings(world: Running) -> dict[int, str]:
    (row,) = world.desk.rows.values()
    return {version.version: version.standing.value for version in row.versions}


@pytest.mark.parametrize("result", ProbeResult)
async def test_each_result_is_shown_in_its_own_words_with_what_to_do(
    world: Running, ada: Browser, result: ProbeResult
) -> None:
    path = await activated(world, ada)
    async with proxy(world, result) as prober:
        answer = await ada.submit(f"{path}/test", {"version": "1"}, page=path)
        assert answer.headers["location"] == f"{path}?notice=key-tested"
        (asked,) = prober.asked
        (row,) = world.desk.rows.values()
        assert (asked.credential, asked.version, asked.origin) == (row.credential, 1, OPENAI.origin)
        assert (asked.organization, asked.application) == (row.organization, row.application)
        assert asked.model == "gpt-4o-mini"
        assert prober.noted == [ProbeNoted(probe=asked.probe)]
    page = (await ada.get(path)).text
    for words in (VERDICTS[result].words, VERDICTS[result].advice, "HTTP 401", "2023-11-14T22:13:20Z"):
        assert words in page
    assert VERDICTS[result].words in (await ada.get("/audit?what=credential.tested")).text


def test_every_result_has_words_of_its_own() -> None:
    assert set(VERDICTS) == {each.value for each in ProbeResult} | {NO_PROXY}
    assert len({verdict.words for verdict in VERDICTS.values()}) == len(VERDICTS)
    assert len({verdict.advice for verdict in VERDICTS.values()}) == len(VERDICTS)


async def test_without_a_proxy_the_page_says_that_none_answered(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    await ada.submit(f"{path}/test", {"version": "1"}, page=path)
    assert "No proxy answered" in (await ada.get(path)).text


async def test_a_proxy_that_never_answers_is_waited_for_and_no_longer(
    world: Running, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_views, "PROBE_TIME_S", 0.1)
    path = await activated(world, ada)
    async with proxy(world, None) as prober:
        await ada.submit(f"{path}/test", {"version": "1"}, page=path)
        assert "No proxy answered" in (await ada.get(path)).text
        late = ProbeDone(probe=prober.asked[0].probe, result=ProbeResult.OK, status=200, duration_ms=1)
        assert await prober.client.ask(late) == ProbeNoted(probe=late.probe), (
            "it is noted, and changes nothing"
        )
    assert "No proxy answered" in (await ada.get(path)).text


async def test_one_proxy_of_several_is_asked(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    async with proxy(world) as one, proxy(world) as other:
        await ada.submit(f"{path}/test", {"version": "1"}, page=path)
        assert len(one.asked) + len(other.asked) == 1


async def test_each_version_remembers_its_own_last_test(world: Running, ada: Browser) -> None:
    path = await staged(world, ada)
    async with proxy(world) as prober:
        await ada.submit(f"{path}/test", {"version": "1"}, page=path)
        prober.result = ProbeResult.NO_CREDIT
        await ada.submit(f"{path}/test", {"version": "2"}, page=path)
    page = (await ada.get(path)).text
    assert "Works" in page
    assert "No credit" in page
    assert [asked.version for asked in prober.asked] == [1, 2]


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"version": "9"}, 404), ({"version": "x"}, 404), ({}, 404), ({"version": "1", "model": "gpt-9"}, 422)],
    ids=["no such version", "no number", "none", "model not on the list"],
)
async def test_what_cannot_be_tested_is_refused_and_no_proxy_hears_of_it(
    world: Running, ada: Browser, fields: dict[str, str], status: int
) -> None:
    path = await activated(world, ada)
    async with proxy(world) as prober:
        assert (await ada.submit(f"{path}/test", fields, page=path)).status_code == status
        assert prober.asked == []


async def test_tests_are_slowed(world: Running, ada: Browser) -> None:
    path = await activated(world, ada)
    async with proxy(world) as prober:
        token = await ada.form_token(path)
        answers = [await ada.post(f"{path}/test", {"version": "1", "form_token": token}) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [303] * 10 + [422]
        assert len(prober.asked) == 10


ACTS = ["test", "switch", "roll-back", "discard"]


@pytest.mark.parametrize("act", ACTS)
async def test_each_act_asks_for_the_password_again(world: Running, ada: Browser, act: str) -> None:
    path = await staged(world, ada)
    if act == "roll-back":
        await ada.submit(f"{path}/switch", {"version": "2"}, page=path)
    before = standings(world)
    version = "1" if act in {"test", "roll-back"} else "2"
    world.clock.now_s += 601
    async with proxy(world) as prober:
        asked = await ada.submit(f"{path}/{act}", {"version": version}, page=path)
        assert asked.status_code == 403
        assert "type your password" in asked.text
        assert (standings(world), prober.asked) == (before, [])
        right = await ada.submit(f"{path}/{act}", {"version": version, "password": PASSWORD}, page=path)
        assert right.status_code == 303
        assert prober.asked or standings(world) != before


async def test_a_staged_key_waits_beside_the_one_in_use(world: Running, ada: Browser) -> None:
    path = await staged(world, ada)
    assert world.desk.asked[1].stage
    assert standings(world) == {1: "active", 2: "staged"}
    page = (await ada.get(path)).text
    for words in ("7f3Q", "9zzA", "In use", "Staged", "Switch to this key"):
        assert words in page
    assert "Roll back" not in page


async def test_switching_keeps_the_way_back_and_says_what_to_do_at_the_provider(
    world: Running, ada: Browser
) -> None:
    path = await staged(world, ada)
    answer = await ada.submit(f"{path}/switch", {"version": "2"}, page=path)
    assert answer.headers["location"] == f"{path}?notice=version-switched"
    assert standings(world) == {1: "previous", 2: "active"}
    page = (await ada.get(path)).text
    for words in ("Roll back", "Discard", "still works at your provider", "delete it there"):
        assert words in page
    await ada.submit(f"{path}/roll-back", {"version": "1"}, page=path)
    assert standings(world) == {1: "active", 2: "staged"}


@pytest.mark.parametrize("version", ["1", "2"], ids=["previous", "staged"])
async def test_discarding_destroys_one_version_after_saying_so(
    world: Running, ada: Browser, version: str
) -> None:
    path = await staged(world, ada)
    if version == "1":
        await ada.submit(f"{path}/switch", {"version": "2"}, page=path)
    told = await ada.get(f"{path}/discard?version={version}")
    assert "Delete it there too" in told.text
    answer = await ada.submit(f"{path}/discard", {"version": version}, page=path)
    assert answer.headers["location"] == f"{path}?notice=version-discarded"
    assert standings(world) == {2 if version == "1" else 1: "active"}


@pytest.mark.parametrize(
    ("act", "version"),
    [
        ("switch", "1"),
        ("switch", "9"),
        ("roll-back", "1"),
        ("roll-back", "2"),
        ("discard", "1"),
        ("discard", ""),
    ],
)
async def test_what_does_not_fit_a_versions_standing_is_not_there(
    world: Running, ada: Browser, act: str, version: str
) -> None:
    path = await staged(world, ada)
    assert (await ada.submit(f"{path}/{act}", {"version": version}, page=path)).status_code == 404
    assert standings(world) == {1: "active", 2: "staged"}


@pytest.mark.parametrize("fields", [IN_EUROPE, AT_OPENAI], ids=["another destination", "nothing in use"])
async def test_a_key_is_staged_only_beside_one_for_the_same_destination(
    world: Running, ada: Browser, fields: dict[str, str]
) -> None:
    if fields is IN_EUROPE:
        path = await activated(world, ada)
    else:
        path = f"/applications/{await world.application(ada)}/add-on"
    before = len(world.desk.tickets)
    answer = await ada.submit(f"{path}/key", {**fields, "stage": "yes"}, page=path)
    assert answer.status_code == 422
    assert "without staging it" in answer.text
    assert len(world.desk.tickets) == before


@pytest.mark.parametrize("act", ["switch", "discard"])
async def test_what_the_vault_refuses_is_shown_in_its_own_words_and_not_recorded(
    world: Running, ada: Browser, act: str
) -> None:
    path = await staged(world, ada)
    token = await ada.form_token(path)
    world.desk.refuse_changes = Refusal(
        code="not_staged", message="there is nothing staged", hint="Stage one."
    )
    answer = await ada.post(f"{path}/{act}", {"version": "2", "form_token": token})
    assert answer.status_code == 422
    assert "there is nothing staged" in answer.text
    assert "version.switched" not in (await ada.get("/audit.csv")).text
    assert "version.discarded" not in (await ada.get("/audit.csv")).text


async def test_staging_switching_and_the_rest_are_recorded(world: Running, ada: Browser) -> None:
    path = await staged(world, ada)
    await ada.submit(f"{path}/switch", {"version": "2"}, page=path)
    await ada.submit(f"{path}/roll-back", {"version": "1"}, page=path)
    await ada.submit(f"{path}/discard", {"version": "2"}, page=path)
    page = (await ada.get("/audit")).text
    for words in (
        "went to seal the next key for",
        "switched to the next key of",
        "went back to the previous key of",
        "discarded a key of",
    ):
        assert f"{words} <strong>{OPENAI.origin}" in page


async def test_a_revoked_key_has_no_versions_and_no_test(world: Running, ada: Browser) -> None:
    path = await staged(world, ada)
    (row,) = world.desk.rows.values()
    fields = {"credential": row.credential, "typed_name": "Larkspur"}
    await ada.submit(f"{path}/revoke", fields, page=f"{path}/revoke?credential={row.credential}")
    assert standings(world) == {}
    page = (await ada.get(path)).text
    assert "Test the key" not in page
    assert VersionStanding.STAGED.value not in page.lower().split("stage the next key")[0]


async def test_a_vault_that_hangs_costs_a_list_of_applications_one_short_wait(
    world: Running, ada: Browser
) -> None:
    for name in ("One", "Two", "Three", "Four"):
        app = await world.application(ada, name)
        path = f"/applications/{app}/add-on"
        await ada.submit(f"{path}/key", AT_OPENAI, page=path)
    world.desk.hangs_at = ListCredentials
    started = time.monotonic()
    page = await ada.get("/applications")
    took_s = time.monotonic() - started
    assert page.status_code == 200
    assert page.text.count("vault away") == 4
    assert took_s < 2 * LOOK_TIME_S, "all are asked for at once"
