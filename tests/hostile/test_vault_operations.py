"""Every field of every operation of a running vault attacked, taken from the messages and bodies themselves.

Counterpart: `attacked_operations`, which has a valid sample of each. An operation that is added later is
attacked from its first day; without a sample, the first tests say so.
"""

from __future__ import annotations

import asyncio
import copy
import io
import json
import math
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from starlette.routing import Route

from sealgate.ids import Prefix, new_id
from sealgate.messages.administering import AskAdministrators, RemoveAdministrator
from sealgate.messages.frames import FrameKind, Message
from sealgate.messages.opening import OpeningRequest
from sealgate.messages.operating import OPERATOR_SOCKET, OperatorRequest
from sealgate.messages.tickets import ListDestinations, TicketRequest
from sealgate.vault.config import VaultConfig
from sealgate.vault.process import DESK_SOCKET, OPENER_SOCKET
from tests.hostile import attacked_operations as operations
from tests.hostile.attacked_operations import GUARDED, PAGES, Scene, Wire, body_types
from tests.vault.conftest import assets, clock, folder, log, vault
from tests.vault.deployment import Clock, Deployment, canary_key, open_request, vault_config
from tests.vault.people import connected_people
from tests.vault.test_proposals import proposed

__all__ = ["assets", "clock", "folder", "log", "vault"]

MARK = "evil-canary-7c1f"
"""Stands in whatever is malformed, and nowhere else."""
LONE = "@@LONE@@"
"""Takes the place of a lone surrogate, which no encoder writes."""
EXTRA = "evil_field"
SOCKETS = {
    DESK_SOCKET: (TicketRequest, operations.DESK),
    OPENER_SOCKET: (OpeningRequest, operations.OPENER),
    OPERATOR_SOCKET: (OperatorRequest, operations.OPERATOR),
}
ASKED = [
    pytest.param(socket, form, number, id=f"{socket}-{form.__name__}-{number}")
    for socket, (requests, samples) in SOCKETS.items()
    for form in get_args(requests)
    for number in range(len(samples.get(form, ())))
]
POSTED = [
    pytest.param(path, number, id=f"{path}-{number}")
    for path, form in body_types().items()
    for number in range(len(PAGES.get(form, ())))
]
VALUES: dict[str, Any] = {
    "nothing": None,
    "a flag": True,
    "text": MARK,
    "bytes": MARK.encode(),
    "a list": [7],
    "a map": {MARK: MARK},
    "empty": "",
    "long": MARK * 400,
    "1 MB": MARK * 65_536,
    "2**63": 2**63,
    "2**63 - 1": 2**63 - 1,
    "-2**63": -(2**63),
    "-1": -1,
    "NaN": math.nan,
    "infinite": math.inf,
    "huge": 1e308,
    "control characters": f"\x1b[31m{MARK}\x00\r\n",
    "right to left": f"{MARK}\u202e\u2028",
    "a wild card": "%",
    "lone surrogate": LONE,
}
FAULTS = ("loop_failed", "database_failed", "page_failed", "alarm_", MARK)
"""What no request may bring into the log."""
KEPT = ("credentials", "versions", "tickets", "administrators", "passkeys", "proposals", "approvals", "keks")
"""What a refused request leaves as it is."""


@pytest.fixture
def config(folder: Path) -> VaultConfig:
    return vault_config(folder, deposits_need_passkey=(GUARDED,))


@pytest.fixture
async def scene(vault: Deployment) -> AsyncIterator[Scene]:
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: vault.vault.log("loop_failed", error=type(context.get("exception")).__name__)
    )
    async with connected_people(vault) as people:
        scene = await Scene(vault, people).furnish()
        yield scene
        for wire in scene.wires:
            await wire.close()


STEADY = {
    "credentials": "credential, organization, application, provider, origin, state, newest, active, staged",
    "versions": "credential, version, fingerprint, last_four, deposited_at",
}
"""What sealing anew in the background leaves as it is, in the tables that it writes."""


def rows(scene: Scene, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    driver = scene.vault.vault._foundation.database._driver
    return {
        table: sorted(driver.execute(f"SELECT {STEADY.get(table, '*')} FROM {table}").fetchall(), key=repr)
        for table in tables
    }


async def check_untouched(scene: Scene) -> None:
    """Everybody's keys open as before, each for its own purpose."""
    for credential, (at, key) in scene.keys.items():
        assert (await scene.vault.open(at, credential))[1] == key


def check_log(scene: Scene, log: io.StringIO, what: str) -> None:
    said = log.getvalue()
    found = [each for each in FAULTS if each in said]
    assert not found, f"{what}: {found} in the log"


def check_audit(scene: Scene) -> None:
    scene.vault.vault._audit.flush()
    for table in ("audit", "opens_by_hour"):
        assert MARK not in repr(rows(scene, table)), f"quoted in {table}"


def check_refusal(answer: dict[str, Any], what: str) -> None:
    assert answer["code"] not in {"failed", "internal"}, what
    assert re.fullmatch(r"[a-z_]+", answer["code"]), what
    assert answer["message"], what
    assert answer["hint"], f"{what}: {answer['code']} has no hint"
    assert len(str(answer)) < 1000, f"{what}: the answer says it all again"


def places(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every field of a body, those of its parts too."""
    for name, each in value.items():
        if (*path, name) != ("is",):
            yield (*path, name)
        if isinstance(each, dict):
            yield from places(each, (*path, name))


def changed(body: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    other = copy.deepcopy(body)
    part = other
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value
    return other


def packed(body: dict[str, Any]) -> bytes:
    return msgspec.msgpack.encode(body).replace(LONE.encode(), b"\xed\xa0\x80-evil")


def prefix_of(value: Any) -> Prefix | None:
    found = re.fullmatch(r"(org|app|cred|rcpt|adm)_[a-z2-7]{20}", str(value))
    return None if found is None else found[1]  # type: ignore[return-value]


class Attacks:
    """What one test sends to one socket."""

    def __init__(self, scene: Scene, wire: Wire, probe: Message, log: io.StringIO) -> None:
        self.scene, self.wire, self.probe, self.log = scene, wire, probe, log

    async def attack(self, body: dict[str, Any], what: str) -> tuple[FrameKind, Any]:
        """One request, everything that must hold after it, and its answer."""
        before = rows(self.scene, *KEPT)
        kind, answer, secret = await self.wire.ask(packed(body))
        assert kind in {FrameKind.REPLY, FrameKind.REFUSAL} or secret[2:].startswith(self.own_key), what
        if kind is FrameKind.REFUSAL:
            check_refusal(answer, what)
            if body["is"] != "erase":  # an erasure that was granted before goes on in the background
                assert rows(self.scene, *KEPT) == before, f"{what}: refused, and something changed"
        check_log(self.scene, self.log, what)
        assert (await self.wire.tell(self.probe))[0] is not FrameKind.REFUSAL, f"{what}: the link is worn"
        return kind, answer

    @property
    def own_key(self) -> bytes:
        return self.scene.keys[self.scene.credential][1]

    async def attack_with_ids(self, body: dict[str, Any], path: tuple[str, ...], *, whose: bool) -> None:
        """What is another's is answered like what is unknown."""
        prefix = prefix_of(body[path[0]])
        if prefix is None:
            return
        what = f"{path[0]}: unknown"
        unknown = await self.attack(changed(body, path, new_id(prefix)), what)
        assert unknown[0] is not FrameKind.SECRET, what
        erases = body["is"] == "erase"
        # They may erase another application of theirs; what the vault never had is shut for good.
        for number, foreign in enumerate(self.scene.foreign(prefix)[: 1 if erases else None]):
            what = f"{path[0]}: another's ({number})"
            kind, answer = await self.attack(changed(body, path, foreign), what)
            assert kind is not FrameKind.SECRET, what
            if erases and path[0] == "subject":
                assert kind is FrameKind.REFUSAL, what
                continue
            if whose and kind is FrameKind.REFUSAL:
                assert (kind, answer) == unknown, what
            if whose and path[0] != "organization" and body["is"] != "renew":
                assert kind is unknown[0], what


@pytest.mark.parametrize("socket", SOCKETS)
def test_every_request_of_a_socket_has_a_sample(socket: str) -> None:
    requests, samples = SOCKETS[socket]
    assert set(samples) == set(get_args(requests)), "give it a sample in attacked_operations"


async def test_every_post_has_a_sample(vault: Deployment) -> None:
    routes = [each for each in vault.vault._pages.app.routes if isinstance(each, Route)]
    posts = {each.path for each in routes if "POST" in (each.methods or ())} - {"/{rest:path}"}
    assert posts == set(body_types()), "let the docstring of its body name it"
    assert set(body_types().values()) == set(PAGES), "give it a sample in attacked_operations"


@pytest.mark.parametrize(("socket", "form", "number"), ASKED)
async def test_no_value_of_any_field_makes_a_socket_fail(
    scene: Scene, log: io.StringIO, clock: Clock, socket: str, form: type[Message], number: int
) -> None:
    sample = await SOCKETS[socket][1][form][number](scene)
    probes: dict[str, Message] = {
        DESK_SOCKET: ListDestinations(),
        OPENER_SOCKET: open_request(scene.mine, scene.credential),
        OPERATOR_SOCKET: AskAdministrators(),
    }
    wire = await scene.wire(socket)
    attacks = Attacks(scene, wire, probes[socket], log)
    body = msgspec.to_builtins(sample, builtin_types=(bytes,))
    body |= {name: getattr(sample, name) for name in form.__struct_fields__ if name not in body}
    for path in places(body):
        await attacks.attack_with_ids(body, path, whose=socket != OPERATOR_SOCKET)
        for name, value in VALUES.items():
            await attacks.attack(changed(body, path, value), f"{'.'.join(path)}: {name}")
    await check_untouched(scene)
    check_audit(scene)
    kind, answer = await attacks.attack(body | {EXTRA: MARK}, "one more field")
    assert kind is not FrameKind.REFUSAL, f"the sample itself is refused: {answer}"
    await check_untouched(scene)
    check_audit(scene)


@pytest.mark.parametrize("socket", SOCKETS)
async def test_nobody_does_through_one_socket_what_another_one_is_for(
    scene: Scene, log: io.StringIO, socket: str
) -> None:
    """A proxy that was taken over tries what the console and operators may; so does each of them."""
    own, tried = get_args(SOCKETS[socket][0]), 0
    wire = await scene.wire(socket)
    for requests, samples in SOCKETS.values():
        for form in set(get_args(requests)) - set(own):
            message = await samples[form][0](scene)
            before = rows(scene, *KEPT)
            kind, answer, secret = await wire.tell(message)
            assert (kind, secret) == (FrameKind.REFUSAL, b""), form.__name__
            check_refusal(answer, form.__name__)
            assert rows(scene, *KEPT) == before, f"{form.__name__}: refused, and something changed"
            tried += 1
    assert tried > 1
    check_log(scene, log, socket)
    await check_untouched(scene)


async def post(scene: Scene, path: str, body: dict[str, Any], clock: Clock) -> tuple[int, dict[str, Any]]:
    """One post; the clock goes on, so that nobody's guesses are too many."""
    clock.now_s += 1.5
    raw = json.dumps(body).encode().replace(LONE.encode(), rb"\ud800-evil")
    try:
        page = await scene.vault.post(path, raw)
    except OSError:
        assert len(raw) > 100_000, "cut off"
        return 413, {"code": "too_large", "message": "cut", "hint": "cut"}
    return page.status, page.json.get("error", {})


def posted_values() -> dict[str, Any]:
    """The same, as far as JSON has them."""
    return {name: MARK.encode().hex() if name == "bytes" else value for name, value in VALUES.items()}


@pytest.mark.parametrize(("path", "number"), POSTED)
async def test_no_value_of_any_field_makes_a_post_fail(
    scene: Scene, log: io.StringIO, clock: Clock, path: str, number: int
) -> None:
    body = await PAGES[body_types()[path]][number](scene)
    for place in places(body):
        bad = {name: changed(body, place, each) for name, each in posted_values().items()}
        bad["one more field"] = changed(body, (*place[:-1], EXTRA), MARK)
        bad["unknown"] = changed(body, place, secrets.token_urlsafe(32))
        for name, each in bad.items():
            what = f"{'.'.join(place)}: {name}"
            if each == body:
                continue
            before = rows(scene, *KEPT)
            status, error = await post(scene, path, each, clock)
            assert status in {400, 403, 404, 409, 413}, f"{what}: {status} {error}"
            check_refusal(error, what)
            assert rows(scene, *KEPT) == before, f"{what}: refused, and something changed"
            check_log(scene, log, what)
    await check_untouched(scene)
    status, error = await post(scene, path, body, clock)
    assert status == 200, f"the sample itself is refused: {error}"
    await check_untouched(scene)
    check_audit(scene)


@pytest.mark.parametrize(
    ("path", "code"),
    [("/deposit", "ticket_unknown"), ("/enrol", "invitation_unknown"), ("/approve", "passkey_refused")],
)
async def test_what_worked_once_does_not_work_again(scene: Scene, clock: Clock, path: str, code: str) -> None:
    body = await PAGES[body_types()[path]][0](scene)
    assert (await post(scene, path, body, clock))[0] == 200
    before = rows(scene, *KEPT)
    status, error = await post(scene, path, body, clock)
    assert (status in {403, 404, 409}, error["code"]) == (True, code)
    assert rows(scene, *KEPT) == before


async def test_a_used_ticket_takes_no_other_key(scene: Scene) -> None:
    ticket = (await scene.vault.ticket(scene.mine)).ticket
    assert (await scene.vault.deposit(ticket, canary_key())).status == 200
    page = await scene.vault.view(ticket)
    assert (page.status, page.code) == (404, "ticket_unknown")
    await check_untouched(scene)


async def test_a_proposal_that_was_done_takes_no_approval_and_grants_nothing(scene: Scene) -> None:
    ada, bea = await scene.two()
    cleo = await scene.people.enrolled("Cleo", scene.mine.organization)
    order = RemoveAdministrator(administrator=ada.administrator)
    link = (await proposed(scene.people, order)).link
    for person in (ada, bea):
        assert (await scene.people.approve(link, person.passkey)).status == 200
    await scene.people.operator.ask(order)
    before = rows(scene, *KEPT)
    page = await scene.people.approve(link, bea.passkey)
    assert (page.status, page.code) == (409, "proposal_over")
    assert (await scene.people.approve(link, cleo.passkey)).status in {403, 409}
    assert rows(scene, *KEPT) == before
