"""The documentation tells the truth: references equal the tables, links lead somewhere, words exist."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest
import yaml

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for place in ("*.md", "docs/**/*.md", "examples/**/*.md", "packages/**/*.md")
    for page in ROOT.glob(place)
    if "node_modules" not in page.parts
)


def generator() -> ModuleType:
    return loaded("docs/generate.py")


def loaded(name: str) -> ModuleType:
    """A module of ours that is no part of the package."""
    spec = importlib.util.spec_from_file_location(Path(name).stem, ROOT / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "name", ["settings.md", "events.md", "cli.md", "endpoints.md", "requests.md", "errors.md"]
)
def test_a_reference_page_is_what_the_code_says(name: str) -> None:
    made = generator()
    assert name in made.PAGES
    assert (ROOT / "docs" / "reference" / name).read_text() == made.PAGES[name](), "run `make docs`"


def test_every_reference_page_is_made() -> None:
    assert {path.name for path in (ROOT / "docs" / "reference").glob("*.md")} == set(generator().PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_to_files_that_exist(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_of_ours_that_a_page_names_exist(page: Path) -> None:
    for named in re.findall(
        r"`((?:src|tests|docs|deploy|web|packages|examples)/[\w./-]+)`", page.read_text()
    ):
        assert (ROOT / named).exists(), f"{page.name} names {named}"


def test_the_readme_names_the_words_of_the_makefile() -> None:
    words = re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.M)
    assert {"help", "demo", "test", "check", "fix", "docs"} <= set(words)
    for word in re.findall(r"^(?:[A-Z_]+=\S+ )?make (\w+)", (ROOT / "README.md").read_text(), re.M):
        assert word in words
    ci = (ROOT / ".ci" / "run").read_text()
    assert "make check" in ci
    assert "SEALGATE_REQUIRE=all" in ci


def test_figures_on_pages_are_those_that_were_measured() -> None:
    page = loaded("bench/page.py")
    run = json.loads((ROOT / "docs/performance/figures.json").read_text())
    assert page.section(run) in (ROOT / "docs/performance.md").read_text()
    assert page.summary(run) in (ROOT / "README.md").read_text()
    assert page.plot(run) == (ROOT / "docs/performance/requests.svg").read_text()


def test_the_glossary_is_in_order_and_has_no_word_twice() -> None:
    words = re.findall(r"^\| ([a-zA-Z][^|]*?) \|", (ROOT / "docs" / "glossary.md").read_text(), re.M)[1:]
    assert words == sorted(words, key=str.lower)
    assert len(words) == len(set(words))


def test_every_direct_dependency_has_its_reason_in_the_decisions() -> None:
    page = (ROOT / "docs" / "decisions" / "0002-dependencies.md").read_text()
    project = (ROOT / "pyproject.toml").read_text().split("dependencies = [", 1)[1].split("]", 1)[0]
    for name in re.findall(r'"([a-z0-9-]+)', project):
        assert name in page, name


def names_of_tests() -> set[str]:
    sources = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    return set(re.findall(r"def (test_\w+)", sources))


def test_every_promise_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security" / "README.md").read_text()
    assert len(re.findall(r"^\| [1-9] \|", page, re.M)) == 9
    for row in re.findall(r"^\| [1-9] \|.*$", page, re.M):
        assert re.findall(r"`test_\w+`", row), row
    assert set(re.findall(r"`(test_\w+)`", page)) - names_of_tests() == set()


def test_every_threat_names_what_stops_it_and_tests_that_exist() -> None:
    page = (ROOT / "docs" / "security" / "threats.md").read_text()
    rows = [row for row in re.findall(r"^\| (.*) \|$", page, re.M) if not row.startswith(("threat |", "---"))]
    assert len(rows) > 30
    for row in rows:
        threat, stopped_by, tests = row.split(" | ")
        named = re.findall(r"`(test_\w+)`", tests)
        assert stopped_by, threat
        assert named, threat
        assert set(named) - names_of_tests() == set(), threat


# How many requirements ASVS 5.0.0 has in the chapters that the file calls complete.
ASVS_COUNTS = {"11": 24, "13.3": 4}


def test_every_asvs_requirement_has_tests_or_a_reason() -> None:
    page = yaml.safe_load((ROOT / "docs" / "security" / "asvs.yaml").read_text())
    requirements = page["requirements"]
    for chapter in page["complete"]:
        ids = [each for each in requirements if each.startswith(f"{chapter}.")]
        assert len(ids) == ASVS_COUNTS[chapter]
    for each, answer in requirements.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", each)
        assert len(answer.keys() & {"tests", "checked", "na", "open"}) == 1, each
        assert not answer.keys() - {"tests", "checked", "na", "open", "note"}, each
        assert all(answer.values()), each
        assert set(answer.get("tests", ())) - names_of_tests() == set(), each


ADDRESSES = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)")
OURS = re.compile(
    r"(.*\.)?localhost|127\.0\.0\.1|(.*\.)?example(\.com)?|([a-z]+\.)?(api|platform)\.openai\.com|www\.w3\.org"
    r"|api\.(anthropic\.com|mistral\.ai|groq\.com)|generativelanguage\.googleapis\.com|openrouter\.ai"
)


def test_no_source_names_an_address_but_a_providers() -> None:
    for path in [
        *(ROOT / "src").rglob("*.py"),
        *(ROOT / "web").glob("*/*.ts"),
        *(ROOT / "src").rglob("*.html"),
    ]:
        for host in ADDRESSES.findall(path.read_text()):
            assert OURS.fullmatch(host), f"{path.relative_to(ROOT)} names {host}"


def test_locks_carry_hashes_and_no_addresses() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text
    for folder in ("web", "examples/tours"):
        text = (ROOT / folder / "package-lock.json").read_text()
        assert '"integrity": "sha512-' in text
        assert '"resolved"' not in text


def test_nothing_built_and_no_binary_is_committed() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.splitlines()
    assert not [path for path in tracked if "/assets/" in path and path.startswith("src/")]
    for path in tracked:
        assert b"\0" not in (ROOT / path).read_bytes()[:8000], path
