"""The guide to automation tells the truth: its file applies, its tables are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealgate.console.api.tokens import Scope
from sealgate.scripts.failures import EXITS
from tests.scripts.house import House

in_one_house = pytest.mark.asyncio(loop_scope="module")

GUIDE = (Path(__file__).parents[2] / "docs" / "howto" / "automate.md").read_text()
SOURCES = (Path(__file__).parents[2] / "docs" / "howto" / "several-keys.md").read_text()
BUDGETS = (Path(__file__).parents[2] / "docs" / "howto" / "plans-and-budgets.md").read_text()


@in_one_house
async def test_the_file_of_the_guide_applies_and_then_has_no_difference(here: House) -> None:
    found = re.search(r"```yaml\n(.*?)```", GUIDE, re.S)
    assert found
    path = str(here.write(found[1]))
    done = await here.sealgate("apply", path)
    assert done.code == 0, done.told
    assert (await here.sealgate("apply", path, "--plan")).code == 0


@in_one_house
async def test_the_plans_and_budgets_of_the_guide_apply_and_then_have_no_difference(here: House) -> None:
    found = re.search(r"```yaml\n(.*?)```", BUDGETS, re.S)
    assert found
    path = str(here.write(found[1]))
    done = await here.sealgate("apply", path)
    assert done.code == 0, done.told
    assert (await here.sealgate("apply", path, "--plan")).code == 0


@in_one_house
async def test_the_sources_of_the_guide_apply_and_then_have_no_difference(here: House) -> None:
    found = re.search(r"```yaml\n(.*?)```", SOURCES, re.S)
    assert found
    path = str(here.write(found[1]))
    done = await here.sealgate("apply", path)
    assert done.code == 0, done.told
    assert (await here.sealgate("apply", path, "--plan")).code == 0


def test_the_exit_codes_of_the_guide_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", GUIDE, re.M))
    assert rows == {str(int(code)): words for code, words in EXITS.items()}


def test_the_scopes_of_the_guide_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", GUIDE, re.M)
    assert rows == [scope.value for scope in Scope]
