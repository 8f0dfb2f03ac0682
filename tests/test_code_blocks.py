"""Every code block of the documentation: which test runs it, or why none does. One literal table, both ways.

A new block must get its row here, and a row whose block is gone must go. Blocks that no other test runs and
that can be run stand below the table.
"""

# ruff: noqa: E501 - a table reads better with one row per line

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from sealgate.settings.reading import parse
from tests.hosts.pages import Host
from tests.test_docs import PAGES, ROOT, names_of_tests

TUTORIAL = "test_the_tutorial_from_an_application_of_ones_own_to_a_revoked_key"
DESTINATIONS = "test_the_settings_of_the_guide_are_destinations_that_a_vault_takes"
DEPLOY = "test_the_settings_of_a_page_are_settings"
LOGGED = "test_a_line_of_the_page_is_one_that_the_process_can_write"
PAGE_SCRIPT = (
    "not run: needs the page of somebody's framework; its calls are those of the newsletter's assistant.js"
)

BLOCKS = {
    ("README.md", "make demo     #"): "test_the_readme_names_the_words_of_the_makefile",
    ("README.md", "SEALGATE_OPENAI_KEY_FILE=~/openai-key"): "test_the_readme_names_the_words_of_the_makefile",
    ("README.md", '<script type="module"'): "test_the_page_of_a_host_is_the_same_three_lines_everywhere",
    ("README.md", "from sealgate.session import"): "test_the_readmes_back_end_signs_a_token_that_verifies",
    ("README.md", "sealgate up --config"): "test_a_command_of_a_page_has_the_options_that_it_is_shown_with",
    ("docs/tutorial.md", "make demo"): "test_once_holds_and_says_what_it_did",
    ("docs/tutorial.md", "mkdir -p ~/my-page"): "not run: moves a file out of somebody's Downloads",
    ("docs/tutorial.md", "# my_page.py"): TUTORIAL,
    ("docs/tutorial.md", ".venv/bin/python ~/my-page"): TUTORIAL,
    ("docs/tutorial.md", "TOKEN=$(.venv/bin/sealgate"): TUTORIAL,
    ("docs/hosts/README.md", '<script type="module"'): "test_the_page_of_a_host_is_the_same_three_lines_everywhere",
    ("docs/hosts/README.md", 'const headers = { "X-CSRF'): PAGE_SCRIPT,
    ("docs/hosts/go.md", "// assistant/assistant.go"): "test_the_handler_answers_signed_in_people_on_its_own_origin_alone",
    ("docs/hosts/go.md", "signer, err := assistant"): "test_the_handler_answers_signed_in_people_on_its_own_origin_alone",
    ("docs/hosts/node.md", "// assistant-session.js"): "test_the_pages_handler_answers_signed_in_people_on_its_own_origin_alone",
    ("docs/hosts/node.md", 'app.post("/assistant'): "not run: Express is no dependency of ours",
    ("docs/hosts/php.md", "// assistant-token.php"): "test_a_token_that_php_signs_verifies_and_has_the_same_sid",
    ("docs/hosts/php.md", "// assistant-session.php"): "test_the_endpoint_answers_signed_in_people_on_its_own_origin_alone",
    ("docs/hosts/python.md", "# assistant_signer.py"): "test_the_shared_signer_mints_what_the_proxy_verifies",
    ("docs/hosts/python.md", "# assistant_fastapi.py"): "test_fastapi_answers_pages_of_its_own_origin_alone",
    ("docs/hosts/python.md", "# assistant_django.py"): "test_django_answers_signed_in_people_behind_its_csrf_check",
    ("docs/hosts/python.md", "{% csrf_token %}"): PAGE_SCRIPT,
    ("docs/hosts/python.md", "# assistant_flask.py"): "test_flask_answers_signed_in_people_on_its_own_origin_alone",
    ("docs/hosts/ruby.md", "# assistant_signer.rb"): "test_a_token_that_ruby_signs_verifies_and_has_the_same_sid",
    ("docs/hosts/ruby.md", "# app/controllers/"): "test_the_rails_controller_names_its_checks_and_answers",
    ("docs/hosts/ruby.md", "# assistant_session.rb"): "test_the_rack_endpoint_answers_signed_in_people_on_its_own_origin_alone",
    ("docs/howto/automate.md", "applications:"): "test_the_file_of_the_guide_applies_and_then_has_no_difference",
    ("docs/howto/plans-and-budgets.md", "applications:"): "test_the_plans_and_budgets_of_the_guide_apply_and_then_have_no_difference",
    ("docs/howto/several-keys.md", "applications:"): "test_the_sources_of_the_guide_apply_and_then_have_no_difference",
    ("docs/howto/kek.md", "{"): "test_the_kms_statement_of_the_guide_is_what_the_vault_asks_for_and_no_more",
    ("docs/howto/kek.md", 'path "transit/keys'): "test_the_transit_policy_of_the_guide_names_every_path_that_is_asked_for",
    ("docs/howto/observe.md", "wire client-1"): "test_both_hops_are_shown_in_events_and_commands",
    ("docs/howto/observe.md", "curl -s"): "test_a_page_is_json_without_content",
    ("docs/howto/what-is-logged.md", "2026-11-23T11:08:13"): LOGGED,
    ("docs/howto/what-is-logged.md", "2026-11-23T11:09:40"): LOGGED,
    ("docs/howto/what-is-logged.md", "{"): "test_the_usage_row_of_the_page_is_the_apis_and_the_database_has_only_what_is_said_beside_it",
    ("docs/howto/what-is-logged.md", "sealgate_proxy_requests"): "test_the_metrics_of_the_page_are_of_the_names_and_labels_that_exist",
}  # fmt: skip
"""By page and first line. Settings (toml) of any page: `DEPLOY`, and `DESTINATIONS` for those of the vault's."""

OUTSIDE = ("docs/spec/", "docs/decisions/", "docs/reference/", "examples/", "packages/", "CHANGELOG.md")
_BLOCK = re.compile(r"^```(\w+)\n(?:<\?php\n)?(.*?)^```$", re.M | re.S)


def blocks() -> list[tuple[str, str, str]]:
    """Page, language and text of every block with a language, of the pages that people copy from."""
    found = []
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        if not name.startswith(OUTSIDE):
            found += [(name, language, text) for language, text in _BLOCK.findall(page.read_text())]
    return found


def row(page: str, text: str) -> tuple[str, str] | None:
    return next((each for each in BLOCKS if each[0] == page and text.startswith(each[1])), None)


def test_every_block_has_a_row_and_every_row_a_block() -> None:
    with_settings = {"toml", "css"}  # css: the front end's own test reads the guide to themes
    found = {
        (page, text): row(page, text) for page, language, text in blocks() if language not in with_settings
    }
    assert not [key for key, named in found.items() if named is None]
    assert set(BLOCKS) == set(found.values())


def test_every_row_names_a_test_that_exists_or_says_why_there_is_none() -> None:
    tests = names_of_tests()
    assert not [each for each in BLOCKS.values() if each not in tests and not each.startswith("not run: ")]
    assert {DEPLOY, DESTINATIONS} <= tests


@pytest.mark.parametrize(
    ("page", "text"), [(page, text) for page, language, text in blocks() if language == "toml"],
    ids=lambda value: value.partition("\n")[0],
)  # fmt: skip
def test_the_settings_of_a_page_are_settings(page: str, text: str) -> None:
    assert parse(tomllib.loads(text), page)


def test_the_page_of_a_host_is_the_same_three_lines_everywhere() -> None:
    found = [
        re.sub(r"https?://[\w.:]+", "PROXY", text)
        for _page, language, text in blocks()
        if language == "html" and "sealgate-assistant.js" in text
    ]
    assert len(found) == 2
    assert len(set(found)) == 1
    served = {f"PROXY/assistant/v1/{name}" for name in ("sealgate-assistant.js",)}
    assert served == set(re.findall(r'src="([^"]+)"', found[0]))


def test_the_readmes_back_end_signs_a_token_that_verifies(tmp_path: Path) -> None:
    host = Host.make(tmp_path)
    (text,) = [text for page, language, text in blocks() if (page, language) == ("README.md", "python")]
    for placeholder, own in (
        ("app_…", host.application), ("inst_…", host.instance), ("key_…", host.signing_key.kid)
    ):  # fmt: skip
        assert placeholder in text
        text = text.replace(placeholder, own)
    names: dict[str, object] = {"pem": host.signing_key.to_pem()}
    exec(compile(text, "README.md", "exec"), names)
    session = host.verify(str(names["token"]))
    assert (session.subject, session.origin) == ("account-17", "https://app.example")


_COMMAND = re.compile(r"(?:^ *|`)(sealgate [a-z]+[^\n`#|<]*? --[^\n`#|<]*)", re.M)
COMMANDS = sorted(
    {
        (page.relative_to(ROOT).as_posix(), command.strip())
        for page in PAGES
        for command in _COMMAND.findall(page.read_text())
        if "docs/reference" not in str(page)
    }
)


@pytest.mark.parametrize(("page", "command"), COMMANDS, ids=range(len(COMMANDS)))
def test_a_command_of_a_page_has_the_options_that_it_is_shown_with(page: str, command: str) -> None:
    reference = (ROOT / "docs" / "reference" / "cli.md").read_text()
    words = command.split()
    named = next(
        (n for n in (" ".join(words[:many]) for many in (4, 3, 2)) if f"## `{n}`\n" in reference), ""
    )  # fmt: skip
    assert named, f"{page}: {command}"
    options = reference.split(f"## `{named}`\n", 1)[1].split("\n## ", 1)[0]
    for option in re.findall(r"(?<=\s)--[a-z-]+", command):
        assert f"`{option}`" in options, f"{page}: {command}"


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) >= 8, COMMANDS
