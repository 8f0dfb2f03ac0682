"""Applications share the actions that they have word for word, and nothing else."""

from __future__ import annotations

import msgspec

from sealgate.ids import new_id
from sealgate.policy.catalogue import ready_actions
from sealgate.policy.document import Policy, decode_policy, encode_policy
from sealgate.proxy.alike import MOST, Alike
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


def test_what_is_remembered_of_actions_is_bounded() -> None:
    alike, action = Alike(), ready_actions("gpt")[0]
    for number in range(MOST + 10):
        policy = Policy(models=("gpt",), actions=(msgspec.structs.replace(action, label=f"{number}"),))
        assert alike.shared(policy) == policy
    assert 0 < len(alike) <= MOST


async def test_applications_of_the_proxy_share_the_ready_actions(world: World) -> None:
    other = new_id("app")
    world.console.publish(world.document(application=other))
    applications = world.running.parts.applications
    mine, theirs = [await applications.fetch(each) for each in (world.application, other)]
    assert mine.plans[None].actions[0] is theirs.plans[None].actions[0]
