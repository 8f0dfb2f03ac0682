"""The order of an application's sources, and what the policy says of them."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.policy.document import Policy, PolicyError, Source, decode_policy, encode_policy
from sealgate.policy.sources import in_order

CREDENTIAL = "cred_x2y3z4a5b6c7d2e3f4g5"
OTHER = {"credential": CREDENTIAL, "provider": "openai", "origin": "https://api.openai.com"}
SOURCES = st.lists(
    st.builds(Source, rank=st.integers(1, 8), weight=st.integers(1, 100)), min_size=1, max_size=8
)


@given(SOURCES, st.integers())
def test_every_source_is_asked_once_and_lower_ranks_before_higher_ones(
    sources: list[Source], seed: int
) -> None:
    found = in_order(sources, random.Random(seed).random)
    assert sorted(map(id, found)) == sorted(map(id, sources))
    assert all(one.rank <= next_one.rank for one, next_one in itertools.pairwise(found))


def test_within_a_rank_each_comes_first_in_proportion_to_its_weight() -> None:
    heavy, light = Source(weight=9), Source(weight=1)
    draw = random.Random(7).random
    first = Counter(in_order([light, heavy], draw)[0].weight for _ in range(4_000))
    assert 0.88 < first[9] / 4_000 < 0.92


def policy(*sources: dict[str, Any], **changes: Any) -> Policy:
    return Policy(models=("gpt-sim",), sources=tuple(Source(**each) for each in sources), **changes)


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        (({"credential": CREDENTIAL},), "does not say where its key goes"),
        (({"provider": "openai"},), "does not say where its key goes"),
        (({"origin": "https://api.openai.com"},), "does not say where its key goes"),
        (({}, {**OTHER, "models": {"gpt-else": "x"}}), "source 2 uses model 'gpt-else'"),
        (({}, {}), "source 2 stands twice"),
        (({"rank": 0},), "right form"),
        (({"weight": 101},), "right form"),
        (({**OTHER, "credential": "cred_1"},), "right form"),
        (tuple({"rank": rank, "weight": weight} for rank in (1, 2, 3) for weight in (1, 2, 3)), "right form"),
    ],
)
def test_sources_that_cannot_be_asked_are_refused(sources: tuple[dict[str, Any], ...], says: str) -> None:
    with pytest.raises(PolicyError, match=says) as caught:
        encode_policy(policy(*sources))
    assert caught.value.hint


def test_a_fallback_to_another_model_of_the_same_key_is_a_source_like_any_other() -> None:
    kept = policy({}, {"rank": 2, "models": {"gpt-sim": "gpt-small"}}, {**OTHER, "rank": 3})
    assert decode_policy(encode_policy(kept)) == kept
