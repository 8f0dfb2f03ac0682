"""Members: invitations, roles, removal, the last owner, sign-ins; and what a member may do."""

from __future__ import annotations

import asyncio
import re

import pytest
from sqlalchemy import func, select

from sealgate.console.accounts.models import Invitation, SignIn, User
from sealgate.console.accounts.services import INVITATION_LIFETIME_S
from sealgate.console.forms import InputError
from sealgate.console.permissions import PERMISSIONS, Permission, Role, permits
from sealgate.console.routes import ROUTES, Way
from tests.console.lived import Lived
from tests.console.running import PASSWORD, Browser, Running

JOINING = {"name": "Grace", "email": "grace@example.com", "password": PASSWORD}
FOR_OWNERS_ALONE = {
    Permission.TOUCH_KEYS,
    Permission.CHANGE_MEMBERS,
    Permission.CHANGE_RETENTION,
    Permission.CHANGE_TOKENS,
    Permission.ERASE,
    Permission.SEE_NOTICES,
    Permission.CHANGE_BUDGETS,
}


async def invited(browser: Browser, role: str) -> str:
    """The path of a fresh invitation's link."""
    answer = await browser.submit("/members/invite", {"role": role}, page="/members")
    assert answer.status_code == 200, answer.text
    found = re.search(r">https://console\.test(/invitations/[\w-]{43})<", answer.text)
    assert found is not None
    return found[1]


async def joined(world: Running, browser: Browser, role: str = "member", **changed: str) -> Browser:
    """A new browser in which somebody has just used an invitation."""
    path, grace = await invited(browser, role), world.browser()
    answer = await grace.submit(path, {**JOINING, **changed})
    assert answer.status_code == 303, answer.text
    return grace


async def user_id(world: Running, name: str) -> str:
    async with world.console.database.reading() as tx:
        return str(await tx.scalar(select(User.id).where(User.name == name)))


@pytest.mark.parametrize("permission", Permission)
def test_members_have_every_permission_but_the_owners(permission: Permission) -> None:
    assert permits(Role.OWNER, permission)
    assert permits(Role.MEMBER, permission) is (permission not in FOR_OWNERS_ALONE)
    assert PERMISSIONS[permission] <= set(Role)


def named(way: Way) -> str:
    return f"{way.method} {way.path}"


OWNERS_WAYS = [way for way in ROUTES if way.needs in FOR_OWNERS_ALONE]
MEMBERS_PAGES = [
    way
    for way in ROUTES
    if way.method == "GET" and isinstance(way.needs, Permission) and way.needs not in FOR_OWNERS_ALONE
]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("way", OWNERS_WAYS, ids=named)
async def test_a_member_is_refused_what_is_the_owners(lived: Lived, way: Way) -> None:
    token = await lived.ben.form_token("/applications")
    path = way.path.format(**lived.parts)
    fields = {"form_token": token}
    answer = await (lived.ben.get(path) if way.method == "GET" else lived.ben.post(path, fields))
    assert answer.status_code == 403
    assert "Your role does not allow this" in answer.text


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("way", MEMBERS_PAGES, ids=named)
async def test_a_member_sees_everything_else_and_no_button_of_the_owners(lived: Lived, way: Way) -> None:
    answer = await lived.ben.get(way.path.format(**lived.parts, name="python"))
    assert answer.status_code == 200
    for path in ("/members", "/retention", "/tokens", "/erasures", "/notices", "/add-on/key", "/add-on/test"):
        assert f'href="{path}"' not in answer.text
        assert f'{path}"' not in answer.text


async def test_a_member_changes_applications(world: Running, ada: Browser) -> None:
    grace = await joined(world, ada)
    app = await world.application(grace, "Mine")
    answer = await grace.submit(f"/applications/{app}/origins", {"origin": "https://a.example"})
    assert answer.status_code == 303
    assert (await ada.get(f"/applications/{app}")).status_code == 200


@pytest.mark.parametrize(("role", "words"), [("member", "a member"), ("owner", "an owner")])
async def test_an_invitation_says_what_one_becomes_and_makes_it_so(
    world: Running, ada: Browser, role: str, words: str
) -> None:
    path = await invited(ada, role)
    page = (await world.browser().get(path)).text
    assert f"You become {words}" in page
    assert "Join Analytical" in page
    grace = world.browser()
    await grace.submit(path, JOINING)
    assert (await grace.get("/members")).status_code == (200 if role == "owner" else 403)
    assert (await world.browser().get(path)).status_code == 404


async def test_an_invitations_link_is_shown_once_and_not_stored(world: Running, ada: Browser) -> None:
    path = await invited(ada, "member")
    token = path.rpartition("/")[2]
    assert token not in (await ada.get("/members")).text
    stored = b"".join(file.read_bytes() for file in world.console.config.data_dir.iterdir())
    assert token.encode() not in stored
    assert token not in world.lines.getvalue()


async def test_an_invitation_is_withdrawn_and_expires(world: Running, ada: Browser) -> None:
    first, second = await invited(ada, "member"), await invited(ada, "owner")
    page = (await ada.get("/members")).text
    one = re.findall(r'name="invitation" value="(inv_\w+)"', page)
    assert len(one) == 2
    for each in one[:1]:
        await ada.submit("/members/invitations/withdraw", {"invitation": each}, page="/members")
    states = sorted([(await world.browser().get(path)).status_code for path in (first, second)])
    assert states == [200, 404]
    world.clock.now_s += INVITATION_LIFETIME_S
    assert [(await world.browser().get(path)).status_code for path in (first, second)] == [404, 404]


async def test_a_role_that_there_is_not_is_refused(ada: Browser) -> None:
    for path in ("/members/invite", "/members/role"):
        answer = await ada.submit(path, {"role": "emperor", "user": "x"}, page="/members")
        assert answer.status_code == 422
        assert "There is no role" in answer.text


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/members/invite", {"role": "owner"}),
        ("/members/role", {"role": "owner", "user": "grace"}),
        ("/members/remove", {"user": "grace"}),
    ],
)
async def test_who_may_do_what_changes_only_with_a_fresh_password(
    world: Running, ada: Browser, path: str, fields: dict[str, str]
) -> None:
    await joined(world, ada)
    grace = await user_id(world, "Grace")
    fields = {**fields, "user": grace} if "user" in fields else fields
    world.clock.now_s += 601
    asked = await ada.submit(path, fields, page="/members")
    assert asked.status_code == 403
    assert "type your password" in asked.text
    wrong = await ada.submit(path, {**fields, "password": "not this"}, page="/members")
    assert wrong.status_code == 422
    async with world.console.database.reading() as tx:
        user = await tx.get_one(User, grace)
        assert (user.role, user.removed_at) == ("member", None)
        assert await tx.scalar(select(func.count()).where(Invitation.accepted_at.is_(None))) == 0
    right = await ada.submit(path, {**fields, "password": PASSWORD}, page="/members")
    assert right.status_code in {200, 303}


async def test_the_last_owner_can_neither_be_removed_nor_become_a_member(
    world: Running, ada: Browser
) -> None:
    await joined(world, ada)
    me = await user_id(world, "Ada")
    for path, fields in (("/members/role", {"role": "member"}), ("/members/remove", {})):
        answer = await ada.submit(path, {**fields, "user": me}, page="/members")
        assert answer.status_code == 422
        assert "is the last owner" in answer.text
    assert (await ada.get("/members")).status_code == 200


async def test_two_owners_who_demote_each_other_at_once_leave_one(world: Running, ada: Browser) -> None:
    grace = await joined(world, ada, "owner")
    ids = await user_id(world, "Ada"), await user_id(world, "Grace")
    tokens = [await each.form_token("/members") for each in (ada, grace)]
    await asyncio.gather(
        *(
            browser.post("/members/role", {"user": other, "role": "member", "form_token": token})
            for browser, other, token in zip((ada, grace), reversed(ids), tokens, strict=True)
        )
    )
    async with world.console.database.reading() as tx:
        assert await tx.scalar(select(func.count()).where(User.role == Role.OWNER)) == 1


async def test_a_role_that_is_taken_away_ends_with_the_next_request(world: Running, ada: Browser) -> None:
    grace = await joined(world, ada, "owner")
    assert (await grace.get("/members")).status_code == 200
    fields = {"user": await user_id(world, "Grace"), "role": "member"}
    await ada.submit("/members/role", fields, page="/members")
    assert (await grace.get("/members")).status_code == 403
    assert (await grace.get("/applications")).status_code == 200


@pytest.mark.parametrize("way", ["/members/role", "/members/remove"])
async def test_the_links_of_who_is_taken_out_lead_nowhere(world: Running, ada: Browser, way: str) -> None:
    grace = await joined(world, ada, "owner")
    back_door, adas = await invited(grace, "owner"), await invited(ada, "member")
    fields = {"user": await user_id(world, "Grace"), "role": "member"}
    await ada.submit(way, fields, page="/members")
    assert (await world.browser().get(back_door)).status_code == 404
    assert (await world.browser().get(adas)).status_code == 200


async def test_who_is_removed_is_signed_out_and_cannot_sign_in_again(world: Running, ada: Browser) -> None:
    grace = await joined(world, ada)
    await world.application(grace, "Hers")
    her = await user_id(world, "Grace")
    assert "can no longer sign in" in (await ada.get(f"/members/remove?user={her}")).text
    await ada.submit("/members/remove", {"user": her}, page="/members")
    assert (await grace.get("/applications")).status_code == 303
    for email in ("grace@example.com", f"removed:{her}"):
        answer = await world.browser().submit("/sign-in", {"email": email, "password": PASSWORD})
        assert answer.status_code == 422
    assert (await ada.get(f"/members/remove?user={her}")).status_code == 404
    async with world.console.database.reading() as tx:
        user = await tx.get_one(User, her)
        assert (user.email, user.password_hash, user.name) == (f"removed:{her}", "", "Grace")
        assert await tx.scalar(select(func.count()).where(SignIn.user_id == her)) == 0
    assert "Grace (removed)" in (await ada.get("/audit")).text


async def test_the_email_of_who_was_removed_can_join_anew(world: Running, ada: Browser) -> None:
    await joined(world, ada)
    await ada.submit("/members/remove", {"user": await user_id(world, "Grace")}, page="/members")
    again = await joined(world, ada)
    assert (await again.get("/applications")).status_code == 200


async def test_nobody_of_another_organization_can_be_touched(world: Running, ada: Browser) -> None:
    await world.owner("eve@example.com", "Elsewhere")
    eve = await world.signed_in("eve@example.com")
    await invited(ada, "member")
    async with world.console.database.reading() as tx:
        ours = await tx.scalar(select(Invitation.id))
    me = await user_id(world, "Ada")
    assert (await eve.get("/members")).text.count("ada@example.com") == 0
    for path, fields in (
        ("/members/role", {"user": me, "role": "member"}),
        ("/members/remove", {"user": me}),
        ("/members/sign-out", {"user": me}),
        ("/members/invitations/withdraw", {"invitation": str(ours)}),
    ):
        assert (await eve.submit(path, fields, page="/members")).status_code == 404
    assert (await ada.get("/members")).status_code == 200


async def test_signing_out_everywhere_ends_every_browser(world: Running, ada: Browser) -> None:
    other = await world.signed_in()
    page = (await ada.get("/account")).text
    assert (page.count("This browser"), page.count("Another browser")) == (1, 1)
    answer = await ada.submit("/account/sign-out-everywhere", {}, page="/account")
    assert answer.headers["location"] == "/sign-in?notice=signed-out-everywhere"
    assert [(await each.get("/account")).status_code for each in (ada, other)] == [303, 303]


async def test_an_owner_signs_somebody_else_out_everywhere(world: Running, ada: Browser) -> None:
    grace = await joined(world, ada)
    await ada.submit("/members/sign-out", {"user": await user_id(world, "Grace")}, page="/members")
    assert (await grace.get("/account")).status_code == 303
    assert (await ada.get("/account")).status_code == 200


async def test_every_change_of_members_is_recorded(world: Running, ada: Browser) -> None:
    await joined(world, ada)
    her = await user_id(world, "Grace")
    await ada.submit("/members/role", {"user": her, "role": "owner"}, page="/members")
    await ada.submit("/members/sign-out", {"user": her}, page="/members")
    await ada.submit("/members/remove", {"user": her}, page="/members")
    page = (await ada.get("/audit")).text
    for words in (
        "invited a new <strong>member",
        "joined the organization",
        "changed the role of <strong>Grace: owner",
        "ended all sign-ins of <strong>Grace",
        "removed <strong>Grace",
    ):
        assert words in page


def test_what_is_typed_for_a_role_is_quoted_shortly() -> None:
    from sealgate.console.accounts.members import parse_role

    with pytest.raises(InputError, match="There is no role") as caught:
        parse_role("x" * 5_000)
    assert len(caught.value.message) < 100
