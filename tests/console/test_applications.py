"""Applications and their parts, through the pages that developers use."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealgate.console.applications.policies import READY_IDS
from sealgate.console.feed.services import application_document
from sealgate.ids import new_id
from sealgate.messages.feed import Application
from sealgate.policy.document import Policy, decode_policy
from tests.console.running import Browser, Running


async def document(world: Running, app: str) -> Application:
    async with world.console.database.reading() as tx:
        found = await application_document(tx, app)
    assert found is not None
    return found


async def policy(world: Running, app: str) -> Policy:
    return decode_policy((await document(world, app)).policy)


def public_key() -> str:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


async def test_the_empty_list_gives_the_first_step(ada: Browser) -> None:
    page = (await ada.get("/applications")).text
    assert "No applications yet" in page
    assert 'href="/applications/new"' in page


async def test_a_new_application_begins_with_the_ready_actions_and_careful_limits(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    found = await policy(world, app)
    assert tuple(action.id for action in found.actions) == READY_IDS
    assert (found.limits.requests_per_minute, found.limits.concurrent_streams) == (20, 3)
    assert "Larkspur" in (await ada.get("/applications")).text


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "needs a name"),
        ("   ", "needs a name"),
        ("x" * 81, "81 characters"),
        ("larkspur", "already"),
        ("a\u200fb", "cannot be shown"),
    ],
)
async def test_a_name_that_cannot_be_used_is_refused_with_the_reason(
    world: Running, ada: Browser, name: str, words: str
) -> None:
    await world.application(ada)
    answer = await ada.submit("/applications", {"name": name}, page="/applications/new")
    assert answer.status_code == 422
    assert words in answer.text


async def test_a_name_is_shown_as_text_and_never_as_markup(world: Running, ada: Browser) -> None:
    app = await world.application(ada, "<script>alert(1)</script>")
    for path in ("/applications", f"/applications/{app}", f"/applications/{app}/add-on", "/audit"):
        page = (await ada.get(path)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page


async def test_renaming_is_told_to_proxies_and_recorded(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    before = await document(world, app)
    await ada.submit(f"/applications/{app}/name", {"name": "Delphinium"}, page=f"/applications/{app}")
    after = await document(world, app)
    assert (after.name, after.version) == ("Delphinium", before.version + 1)
    assert "renamed the application <strong>Delphinium" in (await ada.get(f"/applications/{app}")).text


async def test_the_overview_fills_the_snippets_in_with_real_ids(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    kid = new_id("key")
    fields = {"name": "production", "kid": kid, "public_key": public_key()}
    await ada.submit(f"/applications/{app}/session-keys", fields)
    page = (await ada.get(f"/applications/{app}")).text
    for word in (
        app,
        world.console.config.instance,
        kid,
        "https://proxy.test/assistant/v1/sealgate-assistant.js",
    ):
        assert word in page


async def test_an_origin_is_added_and_removed(world: Running, ada: Browser) -> None:
    path = f"/applications/{await world.application(ada)}/origins"
    app = path.split("/")[2]
    assert "No origins yet" in (await ada.get(path)).text
    await ada.submit(path, {"origin": "HTTPS://App.example.com/"})
    assert (await document(world, app)).origins == ("https://app.example.com",)
    assert (await ada.submit(path, {"origin": "https://app.example.com"})).status_code == 422
    await ada.submit(f"{path}/remove", {"origin": "https://app.example.com"}, page=path)
    assert (await document(world, app)).origins == ()


async def test_a_wrong_origin_is_shown_again_as_typed(world: Running, ada: Browser) -> None:
    path = f"/applications/{await world.application(ada)}/origins"
    answer = await ada.submit(path, {"origin": "http://app.example.com"})
    assert answer.status_code == 422
    assert 'value="http://app.example.com"' in answer.text
    assert "http is allowed for localhost only" in answer.text


async def test_a_session_key_is_registered_under_the_id_that_the_page_gave(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}/session-keys"
    kid = re.findall(r'name="kid" value="(key_[a-z2-7]{20})"', (await ada.get(path)).text)[0]
    key = public_key()
    answer = await ada.submit(path, {"name": "production", "kid": kid, "public_key": key})
    assert answer.status_code == 303
    entry = (await document(world, app)).session_keys[0]
    assert (entry.kid, entry.algorithm) == (kid, "Ed25519")
    assert entry.public_key == base64.urlsafe_b64decode(key + "=")
    assert (await ada.submit(path, {"name": "b", "kid": kid, "public_key": public_key()})).status_code == 422
    again = await ada.submit(path, {"name": "b", "kid": new_id("key"), "public_key": key})
    assert "registered already" in again.text


@pytest.mark.parametrize("kid", ["", "key_short", "../../etc", "key_" + "A" * 20])
async def test_a_key_id_of_another_form_is_refused(world: Running, ada: Browser, kid: str) -> None:
    path = f"/applications/{await world.application(ada)}/session-keys"
    answer = await ada.submit(path, {"name": "x", "kid": kid, "public_key": public_key()})
    assert answer.status_code == 422


async def test_a_revoked_session_key_is_no_longer_told_to_proxies(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    path, kid = f"/applications/{app}/session-keys", new_id("key")
    await ada.submit(path, {"name": "production", "kid": kid, "public_key": public_key()})
    await ada.submit(f"{path}/revoke", {"kid": kid}, page=path)
    assert (await document(world, app)).session_keys == ()
    assert "Revoked" in (await ada.get(path)).text


async def test_one_application_cannot_touch_anothers_session_key(world: Running, ada: Browser) -> None:
    app, other = await world.application(ada), await world.application(ada, "Other")
    kid = new_id("key")
    await ada.submit(
        f"/applications/{app}/session-keys", {"name": "x", "kid": kid, "public_key": public_key()}
    )
    path = f"/applications/{other}/session-keys"
    assert (await ada.submit(f"{path}/revoke", {"kid": kid}, page=path)).status_code == 404
    assert len((await document(world, app)).session_keys) == 1


async def test_actions_are_chosen_with_their_models(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}"
    limits = {"requests_per_minute": "20", "concurrent_streams": "3", "output_tokens": "1024"}
    await ada.submit(f"{path}/limits", {**limits, "models": "gpt-4o-mini\ngpt-sim"})
    await ada.submit(f"{path}/actions", [("action", "simplify"), ("model:simplify", "gpt-sim")])
    found = await policy(world, app)
    assert [(action.id, action.model) for action in found.actions] == [("simplify", "gpt-sim")]


@pytest.mark.parametrize(
    "fields",
    [
        [("action", "nothing"), ("model:nothing", "gpt-4o-mini")],
        [("action", "shorten"), ("model:shorten", "gpt-9")],
        [("action", "shorten")],
    ],
)
async def test_an_action_or_model_that_is_not_offered_is_refused(
    world: Running, ada: Browser, fields: list[tuple[str, str]]
) -> None:
    app = await world.application(ada)
    assert (await ada.submit(f"/applications/{app}/actions", fields)).status_code == 422


async def test_limits_and_models_are_saved(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    fields = {
        "requests_per_minute": "7",
        "concurrent_streams": "2",
        "output_tokens": "99",
        "models": "gpt-4o-mini, b",
    }
    await ada.submit(f"/applications/{app}/limits", fields)
    found = await policy(world, app)
    limits = found.limits
    assert (limits.requests_per_minute, limits.concurrent_streams, limits.output_tokens) == (7, 2, 99)
    assert found.models == ("gpt-4o-mini", "b")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("requests_per_minute", "0", "whole number from 1 to 100,000"),
        ("requests_per_minute", "+3", "whole number"),
        ("requests_per_minute", "١", "whole number"),
        ("concurrent_streams", "1001", "whole number from 1 to 1,000"),
        ("output_tokens", "1e3", "whole number"),
        ("output_tokens", "9" * 20, "whole number"),
        ("models", "", "no model"),
        ("models", "gpt 4o-mini é", "not a model name"),
        ("models", "gpt-4o-mini gpt-4o-mini", "stands twice"),
        ("models", "gpt-5", "does not allow"),
    ],
)
async def test_a_limit_that_cannot_be_meant_is_refused(
    world: Running, ada: Browser, field: str, value: str, words: str
) -> None:
    app = await world.application(ada)
    good = {
        "requests_per_minute": "7",
        "concurrent_streams": "2",
        "output_tokens": "99",
        "models": "gpt-4o-mini",
    }
    answer = await ada.submit(f"/applications/{app}/limits", {**good, field: value})
    assert answer.status_code == 422
    assert words in answer.text
    assert (await policy(world, app)).limits.requests_per_minute == 20


async def test_saving_what_is_there_already_tells_nobody(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    before = (await document(world, app)).version
    ready = [(f"model:{each}", "gpt-4o-mini") for each in READY_IDS]
    chosen = [("action", each) for each in READY_IDS]
    await ada.submit(f"/applications/{app}/actions", [*chosen, *ready])
    await ada.submit(f"/applications/{app}/name", {"name": "Larkspur"}, page=f"/applications/{app}")
    assert (await document(world, app)).version == before


async def test_a_pause_is_told_to_proxies_and_ends(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    await ada.submit(
        f"/applications/{app}/add-on/key",
        {"destination": "openai https://api.openai.com"},
        page=f"/applications/{app}/add-on",
    )
    assert (await document(world, app)).active
    await ada.submit(f"/applications/{app}/pause", {}, page=f"/applications/{app}")
    assert not (await document(world, app)).active
    assert "Paused" in (await ada.get("/applications")).text
    await ada.submit(f"/applications/{app}/resume", {}, page=f"/applications/{app}")
    assert (await document(world, app)).active


async def test_the_free_prompt_is_switched_on_with_its_model_and_off(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}/actions"
    assert (await policy(world, app)).prompt is None
    offered = [("prompt_offered", "yes"), ("prompt_model", "gpt-4o-mini")]
    await ada.submit(path, [*offered, ("prompt", "yes")])
    found = (await policy(world, app)).prompt
    assert found is not None
    assert (found.model, found.follow_ups) == ("gpt-4o-mini", 6)
    page = (await ada.get(path)).text
    assert 'name="prompt" value="yes" checked' in page
    await ada.submit(path, offered)
    assert (await policy(world, app)).prompt is None


async def test_a_free_prompt_on_a_model_that_is_not_offered_is_refused(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    fields = [("prompt_offered", "yes"), ("prompt", "yes"), ("prompt_model", "gpt-9")]
    answer = await ada.submit(f"/applications/{app}/actions", fields)
    assert answer.status_code == 422
    assert (await policy(world, app)).prompt is None


LIMITS = {
    "requests_per_minute": "20",
    "concurrent_streams": "3",
    "output_tokens": "1024",
    "models": "gpt-4o-mini",
}


async def test_a_model_that_the_free_prompt_uses_cannot_be_taken_off_the_list(
    world: Running, ada: Browser
) -> None:
    app = await world.application(ada)
    fields = [("prompt_offered", "yes"), ("prompt", "yes"), ("prompt_model", "gpt-4o-mini")]
    await ada.submit(f"/applications/{app}/actions", fields)
    answer = await ada.submit(f"/applications/{app}/limits", {**LIMITS, "models": "gpt-4o"})
    assert answer.status_code == 422
    assert "The free prompt uses model" in answer.text


@pytest.mark.parametrize(
    ("chosen", "kept"),
    [
        (["models", "chat.completions"], ("chat.completions", "models")),
        (["responses", "responses"], ("responses",)),
        ([], ()),
    ],
    ids=["two", "twice", "none"],
)
async def test_the_endpoints_that_are_ticked_are_offered(
    world: Running, ada: Browser, chosen: list[str], kept: tuple[str, ...]
) -> None:
    app = await world.application(ada)
    assert len((await policy(world, app)).endpoints) == 5
    fields = [*LIMITS.items(), ("endpoints_offered", "yes"), *(("endpoint", each) for each in chosen)]
    await ada.submit(f"/applications/{app}/limits", fields)
    assert (await policy(world, app)).endpoints == kept
    page = (await ada.get(f"/applications/{app}/limits")).text
    ticked = re.findall(r'name="endpoint" value="([\w.]+)" checked', page)
    assert sorted(ticked) == sorted(kept)


async def test_an_endpoint_that_there_is_not_is_refused(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    fields = [*LIMITS.items(), ("endpoints_offered", "yes"), ("endpoint", "files")]
    answer = await ada.submit(f"/applications/{app}/limits", fields)
    assert answer.status_code == 422
    assert "There is no endpoint" in answer.text
    assert len((await policy(world, app)).endpoints) == 5
