"""docs/howto/what-is-logged.md says everything that is kept of a request: held to the tables in the code."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import inspect

from sealgate.console import events as console_events
from sealgate.console.api.bodies import UsageView
from sealgate.console.usage.models import Usage
from sealgate.log import Event
from sealgate.messages.feed import Outcome, UsageRecord
from sealgate.proxy import events as proxy_events
from sealgate.proxy import metrics
from sealgate.proxy.endpoints import PATHS, PREFIXES
from sealgate.proxy.epoch import Began

PAGE = (Path(__file__).parents[1] / "docs" / "howto" / "what-is-logged.md").read_text()
EVENTS: Mapping[str, Mapping[str, Event]] = {"console": console_events.EVENTS, "proxy": proxy_events.EVENTS}
LINES = re.findall(r"^\d{4}-\S+Z (\w+) (\w+) (\w+) (.+)$", PAGE, re.M)
ENDPOINTS = {each.endpoint.name for each in PATHS.values()} | {
    each.endpoint.name for each in PREFIXES.values()
}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.M | re.S)


def between(begin: str, end: str) -> str:
    return PAGE.split(begin, 1)[1].split(end, 1)[0]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[2])
def test_a_line_of_the_page_is_one_that_the_process_can_write(line: tuple[str, str, str, str]) -> None:
    level, process, name, words = line
    event = EVENTS[process][name]
    assert event.level == level
    assert [word.partition("=")[0] for word in words.split()] == list(event.fields)


def test_no_event_of_the_proxy_but_those_of_faults_names_an_application() -> None:
    naming = {name for name, event in proxy_events.EVENTS.items() if "application" in event.fields}
    assert naming == {
        "application_damaged",
        "upstream_refused",
        "upstream_failed",
        "key_echoed",
        "try_failed",
    }


@pytest.mark.parametrize("word", ["user", "subject", "pseudonym", "session", "address", "model"])
def test_no_event_of_the_proxy_has_a_field_for_who_or_what_was_asked(word: str) -> None:
    assert not [name for name, event in proxy_events.EVENTS.items() if word in event.fields]


def test_only_faults_name_a_request() -> None:
    naming = {name for name, event in proxy_events.EVENTS.items() if "request" in event.fields}
    assert naming == {"upstream_refused", "upstream_failed", "key_echoed", "try_failed", "exchange_broken"}


def test_the_journals_records_have_the_fields_of_the_page_and_no_others() -> None:
    row = re.search(r"^\| began \| (.+) \|$", PAGE, re.M)
    assert row
    assert re.findall(r"`(\w+)`", row[1]) == list(Began.__struct_fields__)


def test_the_usage_row_of_the_page_is_the_apis_and_the_database_has_only_what_is_said_beside_it() -> None:
    (text,) = blocks("json")
    shown = msgspec.json.decode(text, type=UsageView, strict=True)
    assert list(json.loads(text)) == list(UsageView.__struct_fields__)
    assert shown.outcome in set(Outcome)
    assert shown.endpoint in ENDPOINTS
    renamed = {"application": "application_id"}
    beside = set(re.findall(r"`(\w+)`", between("beside that:", "\n\n")))
    columns = {column.key for column in inspect(Usage).columns}
    assert columns == {renamed.get(name, name) for name in UsageView.__struct_fields__} | beside


def test_what_a_proxy_ships_has_no_more_than_the_row() -> None:
    renamed = {"application": "application_id", "organization": "organization_id"}
    columns = {column.key for column in inspect(Usage).columns}
    assert {renamed.get(name, name) for name in UsageRecord.__struct_fields__} <= columns


def test_the_metrics_of_the_page_are_of_the_names_and_labels_that_exist() -> None:
    lines = re.findall(rf"^{metrics.PREFIX}(\w+){{(.+)}} \d+$", PAGE, re.M)
    source = Path(metrics.__file__).read_text()
    assert len(lines) == 2
    for name, labels in lines:
        found = dict(re.findall(r'(\w+)="([^"]+)"', labels))
        assert f'"{name}"' in source
        assert set(found) <= {"outcome", "endpoint", "direction"}
        assert found.get("endpoint", "assistant.actions") in ENDPOINTS
