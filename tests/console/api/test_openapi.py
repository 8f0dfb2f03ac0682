"""The OpenAPI document: drawn from the route table, whole, and what is committed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sealgate.console.api import openapi
from sealgate.console.api.errors import ERRORS
from sealgate.console.api.routes import ROOT, WAYS, Way

COMMITTED = Path(__file__).parents[3] / "docs" / "reference" / "openapi.json"


def test_the_committed_document_is_what_the_table_says() -> None:
    assert COMMITTED.read_text() == openapi.text(), "run `make docs`"


def test_every_reference_in_it_leads_somewhere() -> None:
    document = openapi.document()
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', openapi.text()))
    assert named <= set(document["components"]["schemas"])


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way.method} {way.path}")
def test_every_way_is_in_it_with_its_scope_and_its_parameters(way: Way) -> None:
    operation: dict[str, Any] = openapi.document()["paths"][way.path.removeprefix(ROOT)][way.method.lower()]
    assert operation["x-scope"] == way.needs.value
    assert ("requestBody" in operation) == (way.takes is not None)
    in_path = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", way.path))
    assert {"401", "403", "429", "500"} < set(operation["responses"])


def test_operations_have_names_of_their_own_and_every_error_is_told_somewhere() -> None:
    text = openapi.text()
    names = re.findall(r'"operationId": "([^"]+)"', text)
    assert len(names) == len(set(names)) == len(WAYS)
    told = set(re.findall(r"`(\w+)`: ", text))
    assert set(ERRORS) - told == {"method_not_allowed"}, "which no operation can answer"


def test_no_schema_has_a_place_for_a_provider_key() -> None:
    schemas = openapi.document()["components"]["schemas"]
    fields = {f"{name}.{field}" for name, schema in schemas.items() for field in schema.get("properties", {})}
    suspicious = {each for each in fields if re.search(r"secret|private|envelope|api_key", each)}
    assert not suspicious
