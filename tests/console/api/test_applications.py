"""Applications through the management API: declared, changed, planned, and never by two at once."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealgate.console.feed.services import application_document
from sealgate.ids import new_id
from sealgate.messages.feed import Application
from tests.console.api.program import Program, code
from tests.console.running import Browser, Running


def public_key() -> str:
    raw = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def session_key(name: str = "production") -> dict[str, str]:
    return {"kid": new_id("key"), "name": name, "public_key": public_key()}


async def document(world: Running, app: str) -> Application:
    async with world.console.database.reading() as tx:
        found = await application_document(tx, app)
    assert found is not None
    return found


async def test_a_new_name_makes_an_application_and_the_same_again_changes_nothing(deploy: Program) -> None:
    body = {"name": "Larkspur", "origins": ["https://app.example"], "session_keys": [session_key()]}
    made = await deploy.put("/applications/newsletter", body)
    assert made.status_code == 201
    again = await deploy.put("/applications/newsletter", body)
    assert again.status_code == 200
    assert again.json() == made.json()
    assert again.headers["etag"] == made.headers["etag"] == f'"{made.json()["version"]}"'
    assert len((await deploy.get("/applications")).json()["items"]) == 1


async def test_what_is_declared_reaches_the_proxies_document(world: Running, deploy: Program) -> None:
    key = session_key()
    app = await deploy.newsletter(origins=["HTTPS://App.example/"], session_keys=[key], active=False)
    found = await document(world, app["id"])
    assert found.origins == ("https://app.example",)
    assert [each.kid for each in found.session_keys] == [key["kid"]]
    assert found.version == app["version"]
    assert not found.active


async def test_id_and_external_name_lead_to_the_same_application(deploy: Program) -> None:
    app = await deploy.newsletter()
    by_name, by_id = (
        await deploy.get("/applications/newsletter"),
        await deploy.get(f"/applications/{app['id']}"),
    )
    assert by_name.json() == by_id.json() == app


async def test_an_application_of_a_page_is_adopted_by_giving_it_an_external_name(
    world: Running, ada: Browser, deploy: Program
) -> None:
    app = await world.application(ada, "Larkspur")
    taken = await deploy.put("/applications/newsletter", {"name": "Larkspur"})
    assert (code(taken), taken.json()["error"]["field"]) == ("invalid", "name")
    await deploy.send("PATCH", f"/applications/{app}", {"external_name": "newsletter"})
    assert (await deploy.newsletter())["id"] == app
    await deploy.put("/applications/blog", {"name": "Blog"})
    clash = await deploy.send("PATCH", "/applications/blog", {"external_name": "newsletter"})
    assert clash.json()["error"]["field"] == "external_name"


@pytest.mark.parametrize("named", ["News", "news_letter", "-news", "n" * 64, "%20", "app_short"])
async def test_a_name_of_another_form_makes_nothing(deploy: Program, named: str) -> None:
    answer = await deploy.put(f"/applications/{named}", {"name": "x"})
    assert (code(answer), answer.json()["error"]["field"]) == ("invalid", "external_name")


async def test_lists_are_whole_and_what_is_absent_stays(deploy: Program) -> None:
    first, second = session_key("one"), session_key("two")
    await deploy.newsletter(origins=["https://a.example", "https://b.example"], session_keys=[first, second])
    same = await deploy.newsletter()
    assert same["origins"] == ["https://a.example", "https://b.example"]
    less = await deploy.newsletter(origins=["https://b.example"], session_keys=[second])
    assert less["origins"] == ["https://b.example"]
    assert [key["kid"] for key in less["session_keys"]] == [second["kid"]]
    keys = (await deploy.get("/applications/newsletter/session-keys")).json()["items"]
    assert {key["kid"]: key["revoked_at"] is not None for key in keys} == {
        first["kid"]: True,
        second["kid"]: False,
    }


async def test_policy_parts_replace_and_the_others_stay(deploy: Program) -> None:
    await deploy.newsletter(policy={"models": ["gpt-4o", "gpt-4o-mini"], "actions": ["shorten"]})
    own: dict[str, Any] = {
        "id": "haiku",
        "label": "Haiku",
        "description": "As a haiku.",
        "instructions": "Write the text as a haiku.",
        "model": "gpt-4o-mini",
    }
    shorter = {"id": "shorten", "output_tokens": 64}
    found = await deploy.newsletter(policy={"actions": [shorter, own], "limits": {"concurrent_streams": 9}})
    policy = found["policy"]
    assert policy["models"] == ["gpt-4o", "gpt-4o-mini"]
    assert [(each["id"], each["model"], each["output_tokens"]) for each in policy["actions"]] == [
        ("shorten", "gpt-4o", 64),
        ("haiku", "gpt-4o-mini", 1024),
    ]
    assert policy["limits"]["concurrent_streams"] == 9
    assert policy["limits"]["requests_per_minute"] == 20, "inside a part, what is absent takes its default"
    prompt = {"model": "gpt-4o", "instructions": "Help with newsletters."}
    found = await deploy.newsletter(policy={"endpoints": ["models"], "prompt": prompt})
    assert found["policy"]["endpoints"] == ["models"]
    assert found["policy"]["prompt"]["follow_ups"] == 6
    assert (await deploy.newsletter(policy={"prompt": None}))["policy"]["prompt"] is None


BAD = [
    ({"name": ""}, "name"),
    ({"name": "x" * 81}, "name"),
    ({"origins": ["https://a.example", "ftp://b.example"]}, "origins[1]"),
    ({"origins": ["https://a.example", "https://A.example"]}, "origins[1]"),
    ({"origins": ["https://a.example/path"]}, "origins[0]"),
    ({"session_keys": [{"kid": "key_no", "name": "x", "public_key": "AAAA"}]}, "session_keys[0].public_key"),
    ({"session_keys": [{"name": "x", "public_key": "AAAA"}]}, "session_keys[0].kid"),
    ({"policy": {"models": []}}, "policy.models"),
    ({"policy": {"models": ["a b"]}}, "policy.models[0]"),
    ({"policy": {"models": ["a", "a"]}}, "policy"),
    ({"policy": {"actions": ["nonsense"]}}, "policy.actions[0]"),
    ({"policy": {"actions": ["shorten", {"id": "own"}]}}, "policy.actions[1]"),
    ({"policy": {"actions": [{"id": "shorten", "model": "gpt-9"}]}}, "policy"),
    ({"policy": {"endpoints": ["files"]}}, "policy.endpoints[0]"),
    ({"policy": {"prompt": {"model": "gpt-9", "instructions": "x"}}}, "policy"),
    ({"policy": {"limits": {"idle_s": 0}}}, "policy.limits.idle_s"),
    ({"active": "yes"}, "active"),
]


@pytest.mark.parametrize(
    ("changes", "field"), BAD, ids=[f"{at}-{field}" for at, (_, field) in enumerate(BAD)]
)
async def test_what_cannot_be_used_is_refused_whole_and_named(
    world: Running, deploy: Program, changes: dict[str, Any], field: str
) -> None:
    before = await deploy.newsletter(origins=["https://old.example"])
    answer = await deploy.put("/applications/newsletter", {"name": "Larkspur"} | changes)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["field"]) == (422, "invalid", field)
    assert (await deploy.get("/applications/newsletter")).json() == before


async def test_a_session_key_id_never_changes_its_key_nor_comes_back(deploy: Program) -> None:
    key = session_key()
    await deploy.newsletter(session_keys=[key])
    other = await deploy.put(
        "/applications/newsletter", {"name": "Larkspur", "session_keys": [key | {"public_key": public_key()}]}
    )
    assert other.json()["error"]["field"] == "session_keys[0].public_key"
    await deploy.newsletter(session_keys=[])
    back = await deploy.put("/applications/newsletter", {"name": "Larkspur", "session_keys": [key]})
    assert back.json()["error"]["field"] == "session_keys[0].kid"


async def test_a_private_key_is_refused_and_never_quoted(deploy: Program) -> None:
    private = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIcanary\n-----END PRIVATE KEY-----"
    answer = await deploy.put(
        "/applications/newsletter", {"name": "x", "session_keys": [session_key() | {"public_key": private}]}
    )
    assert "private half" in answer.json()["error"]["message"]
    assert "canary" not in answer.text


async def test_a_plan_answers_what_would_be_and_changes_nothing(world: Running, deploy: Program) -> None:
    planned = await deploy.put("/applications/newsletter?plan=true", {"name": "Larkspur", "active": False})
    assert (planned.status_code, planned.json()["active"]) == (200, False)
    assert (await deploy.get("/applications")).json()["items"] == []
    app = await deploy.newsletter()
    records = (await deploy.get("/audit")).json()["items"]
    planned = await deploy.put(
        "/applications/newsletter?plan=true", {"name": "Delphinium", "origins": ["https://a.example"]}
    )
    assert planned.json()["name"] == "Delphinium"
    assert (await deploy.get("/applications/newsletter")).json() == app
    assert (await deploy.get("/audit")).json()["items"] == records


async def test_a_change_on_another_version_is_a_conflict(deploy: Program) -> None:
    app = await deploy.newsletter()
    stale = f'"{app["version"]}"'
    fresh = await deploy.put("/applications/newsletter", {"name": "Delphinium"}, if_match=stale)
    assert fresh.status_code == 200
    for method, path, body in (
        ("PUT", "", {"name": "Aster"}),
        ("PATCH", "", {"name": "Aster"}),
        ("PUT", "/origins", {"origins": []}),
        ("POST", "/session-keys", session_key()),
    ):
        answer = await deploy.send(method, f"/applications/newsletter{path}", body, if_match=stale)
        assert (answer.status_code, code(answer)) == (412, "version_conflict")
    assert (await deploy.get("/applications/newsletter")).json() == fresh.json()


async def test_if_none_match_only_makes_and_if_match_only_changes(deploy: Program) -> None:
    absent = await deploy.put("/applications/newsletter", {"name": "Larkspur"}, if_match='"1"')
    assert code(absent) == "version_conflict"
    made = await deploy.put("/applications/newsletter", {"name": "Larkspur"}, if_none_match="*")
    assert made.status_code == 201
    again = await deploy.put("/applications/newsletter", {"name": "Larkspur"}, if_none_match="*")
    assert code(again) == "version_conflict"


async def test_of_two_at_once_one_wins_and_nothing_is_mixed(deploy: Program) -> None:
    tag = f'"{(await deploy.newsletter())["version"]}"'
    bodies = [
        {"name": name, "origins": [f"https://{name}{at}.example" for at in range(20)]}
        for name in ("aster", "briar")
    ]
    answers = await asyncio.gather(
        *(deploy.put("/applications/newsletter", body, if_match=tag) for body in bodies)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    found = (await deploy.get("/applications/newsletter")).json()
    assert all(origin.startswith(f"https://{found['name']}") for origin in found["origins"])


async def test_origins_and_session_keys_have_ways_of_their_own(deploy: Program) -> None:
    await deploy.newsletter()
    put = await deploy.put("/applications/newsletter/origins", {"origins": ["https://a.example"]})
    assert put.json() == {"origins": ["https://a.example"]}
    assert (await deploy.get("/applications/newsletter/origins")).json() == put.json()
    key = session_key()
    added = await deploy.send("POST", "/applications/newsletter/session-keys", key)
    assert (added.status_code, added.json()["public_key"]) == (201, key["public_key"])
    gone = await deploy.send("DELETE", f"/applications/newsletter/session-keys/{key['kid']}", {})
    assert gone.json()["revoked_at"]
    again = await deploy.send("DELETE", f"/applications/newsletter/session-keys/{key['kid']}", {})
    assert again.json() == gone.json()
    unknown = await deploy.send("DELETE", f"/applications/newsletter/session-keys/{new_id('key')}", {})
    assert code(unknown) == "not_found"


async def test_changes_name_the_person_and_the_token(world: Running, ada: Browser, deploy: Program) -> None:
    await deploy.newsletter(active=False)
    newest = (await deploy.get("/audit?limit=1")).json()
    entry = newest["items"][0]
    assert entry["what"] == "application.paused"
    assert entry["who"] == "Ada (token deploy)"
    assert entry["token"].startswith("tok_")
    assert newest["next"]
    page = (await ada.get(f"/applications/{entry['application']}")).text
    assert "Ada (token deploy) paused the application" in page


async def test_pages_follow_each_other_without_gaps(deploy: Program) -> None:
    for at in range(5):
        await deploy.put(f"/applications/number-{at}", {"name": f"Number {at}"})
    for path, wanted in (("/applications", 5), ("/audit", None)):
        whole = (await deploy.get(path)).json()
        assert whole["next"] is None
        rows, cursor = [], ""
        while cursor is not None:
            page = (await deploy.get(f"{path}?limit=2{cursor and f'&cursor={cursor}'}")).json()
            assert len(page["items"]) <= 2
            rows += page["items"]
            cursor = page["next"]
        assert rows == whole["items"]
        assert wanted in {None, len(rows)}
