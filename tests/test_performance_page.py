"""The page of figures says what its file of figures says, and its plot is of them too."""

from __future__ import annotations

import json

import pytest
from bench import page

FIGURES = json.loads(page.FIGURES.read_text()) if page.FIGURES.exists() else {}


def test_the_figures_of_the_page_are_those_of_the_file() -> None:
    between = page.PAGE.read_text().split(page.BEGIN)[1].split(page.END)[0]
    assert between == page.section(FIGURES)


def test_the_plot_is_of_the_same_figures() -> None:
    assert page.PLOT.read_text() == page.plot(FIGURES)


def test_a_target_that_is_not_met_is_said_to_be_not_met() -> None:
    waits = {name: {"p50_us": us, "p99_us": us} for name, us in (("direct", 10), ("Sealgate", 1_200))}
    rates = {"nginx": {"per_core_s": 100.0}, "Sealgate": {"per_core_s": 34.0}}
    slow = {"plain": {"requests": rates, "one connection": waits}}
    assert [met for _what, _target, _measured, met in page.targets(slow)] == [False, False, False]


@pytest.mark.parametrize("name", sorted(FIGURES.get("gateways", {})))
def test_the_page_says_what_each_gateway_ran_without(name: str) -> None:
    assert FIGURES["gateways"][name]["without"] in page.PAGE.read_text()
