"""The page of sources: what is chosen reaches the proxies, what cannot be is said, and nothing is lost."""

from __future__ import annotations

import pytest

from sealgate.console.feed.services import application_document
from sealgate.console.sources.forms import name_of
from sealgate.policy.document import MAX_SOURCES, Source, decode_policy
from tests.console.fake_desk import EUROPE, OPENAI
from tests.console.running import Browser, Running

NEW = {"key": "own", "rank": "1", "weight": "1", "instead": ""}


async def sources(world: Running, app: str) -> tuple[Source, ...]:
    async with world.console.database.reading() as tx:
        document = await application_document(tx, app)
    assert document is not None
    return decode_policy(document.policy).sources


async def with_two_keys(world: Running, ada: Browser) -> tuple[str, str]:
    """An application with its own key and another; its id and the other credential."""
    app = await world.application(ada)
    path = f"/applications/{app}/add-on"
    for origin, more in ((OPENAI.origin, {}), (EUROPE.origin, {"another": "yes"})):
        form = {"destination": f"openai {origin}", **more}
        assert (await ada.submit(f"{path}/key", form, page=path)).status_code == 303
        world.desk.deposit("eeee" if more else "7f3Q")
        await ada.get(path)
    return app, world.desk.tickets[1].credential


async def test_another_key_stands_beside_the_add_ons_own_and_reaches_the_proxies(
    world: Running, ada: Browser
) -> None:
    app, second = await with_two_keys(world, ada)
    path = f"/applications/{app}/sources"
    assert "It answers everything" in (await ada.get(path)).text
    models = "gpt-4o-mini = claude-haiku-4-5"
    saved = await ada.submit(path, {"key": second, "rank": "2", "weight": "7", "instead": models}, page=path)
    assert saved.status_code == 303, saved.text
    other = Source(second, "openai", EUROPE.origin, 2, 7, {"gpt-4o-mini": "claude-haiku-4-5"})
    assert await sources(world, app) == (Source(), other)
    page = (await ada.get(path)).text
    assert "Rank 2, weight 7" in page
    assert "<code>claude-haiku-4-5</code> in the place of <code>gpt-4o-mini</code>" in page


async def test_a_source_is_changed_and_removed_by_its_name(world: Running, ada: Browser) -> None:
    app, second = await with_two_keys(world, ada)
    path = f"/applications/{app}/sources"
    await ada.submit(path, {**NEW, "key": second}, page=path)
    first, other = await sources(world, app)
    await ada.submit(path, {**NEW, "source": name_of(first), "weight": "3"}, page=path)
    changed, same = await sources(world, app)
    assert (changed.weight, same) == (3, other)
    for each in (changed, other):
        await ada.submit(f"{path}/remove", {"source": name_of(each)}, page=path)
    assert await sources(world, app) == ()


async def test_a_form_that_was_shown_before_a_change_changes_nothing(world: Running, ada: Browser) -> None:
    app, second = await with_two_keys(world, ada)
    path = f"/applications/{app}/sources"
    await ada.submit(path, {**NEW, "key": second}, page=path)
    before = await sources(world, app)
    old = name_of(Source(weight=99))
    for to, form in ((path, {**NEW, "source": old}), (f"{path}/remove", {"source": old})):
        refused = await ada.submit(to, form, page=path)
        assert "This source was changed meanwhile." in refused.text
    assert await sources(world, app) == before


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": "cred_of_somebody_else"}, "not one of the application"),
        ({"rank": "0"}, "Rank cannot be"),
        ({"rank": "9"}, "Rank cannot be"),
        ({"weight": "101"}, "Weight cannot be"),
        ({"weight": "<b>"}, "&lt;b&gt;"),
        ({"instead": "gpt-4o-mini"}, "does not say a model"),
        ({"instead": "gpt-4o-mini = a\ngpt-4o-mini = b"}, "stands twice"),
        ({"instead": "gpt-nowhere = b"}, "the application does not allow"),
        ({"instead": f"gpt-4o-mini = {'x' * 500}"}, "right form"),
    ],
)
async def test_what_cannot_be_a_source_is_said_at_its_field_and_what_was_typed_stays(
    world: Running, ada: Browser, wrong: dict[str, str], words: str
) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}/sources"
    refused = await ada.submit(path, {**NEW, "rank": "5", **wrong}, page=path)
    assert words in refused.text
    assert 'value="5"' in refused.text or "rank" in wrong
    assert wrong.get("instead", "").split("\n")[0] in refused.text
    assert await sources(world, app) == ()


async def test_the_same_twice_and_more_than_are_asked_are_refused(world: Running, ada: Browser) -> None:
    app = await world.application(ada)
    path = f"/applications/{app}/sources"
    for weight in range(1, MAX_SOURCES + 1):
        await ada.submit(path, {**NEW, "weight": str(weight)}, page=path)
        if weight == 1:
            assert "stands twice" in (await ada.submit(path, NEW, page=path)).text
    assert len(await sources(world, app)) == MAX_SOURCES
    assert "Add a source" not in (await ada.get(path)).text
    refused = await ada.submit(path, {**NEW, "weight": "50"}, page=path)
    assert f"at most {MAX_SOURCES} sources" in refused.text
    assert len(await sources(world, app)) == MAX_SOURCES


async def test_without_the_vault_the_named_keys_can_still_be_changed(world: Running, ada: Browser) -> None:
    app, second = await with_two_keys(world, ada)
    path = f"/applications/{app}/sources"
    await ada.submit(path, {**NEW, "key": second}, page=path)
    await world.desk.server.close()
    page = (await ada.get(path)).text
    assert "The vault cannot be reached now." in page
    _first, other = await sources(world, app)
    await ada.submit(path, {**NEW, "key": second, "source": name_of(other), "rank": "3"}, page=path)
    assert (await sources(world, app))[1] == Source(second, "openai", EUROPE.origin, 3)
