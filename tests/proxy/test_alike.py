"""Applications share the actions that they have word for word, and nothing else."""

from __future__ import annotations

import msgspec

from sealgate.ids import new_id
from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Policy, decode_policy, encode_policy
from sealgate.proxy.alike import Alike
from tests.proxy.world import World


def sent(policy: Policy) -> Policy:
    """As it comes from the console: nothing of it is an object of before."""
    return decode_policy(encode_policy(policy))


def test_equal_actions_are_one_and_a_changed_one_is_its_own() -> None:
    alike, policy = Alike(), Policy(models=("gpt",), actions=ready_actions("gpt"))
    changed = msgspec.structs.replace(policy.actions[0], label="Shorter")
    other = msgspec.structs.replace(policy, actions=(changed, *policy.actions[1:]))
    first, second, third = (alike.shared(sent(each)) for each in (policy, policy, other))
    assert (first, second, third) == (policy, policy, other)
    assert all(mine is theirs for mine, theirs in zip(first.actions, second.actions, strict=True))
    assert third.actions[0] is not first.actions[0]
    assert third.actions[1] is first.actions[1]


def test_an_action_that_no_application_has_any_more_is_not_kept() -> None:
    alike, action = Alike(), ready_actions("gpt")[0]
    for number in range(10):
        own = msgspec.structs.replace(action, id=f"own{number}")
        policy = alike.shared(sent(Policy(models=("gpt",), actions=(action, own))))
        assert policy.actions == (action, own)
    assert len(alike) == 2, "those of the policy that is held"
    del policy
    assert len(alike) == 0


async def test_applications_of_the_proxy_share_the_ready_actions(world: World) -> None:
    other = new_id("app")
    world.console.publish(world.document(application=other))
    applications = world.running.parts.applications
    mine, theirs = [await applications.fetch(each) for each in (world.application, other)]
    assert mine.plans[None].actions[0] is theirs.plans[None].actions[0]
