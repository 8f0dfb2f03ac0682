"""The assistant in a real browser, on a page of the tests' own: editing, prompts, versions, limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.assistant_page import LANGUAGES, AssistantPage

pytestmark = pytest.mark.chromium

LETTER = "<p>Dear <b>friends</b>,</p><p>come and see us on Saturday.</p><p>Mara</p>"


def editable(markup: str, more: str = "") -> str:
    return f'<div id="field" contenteditable="true" {more}>{markup}</div>'


@pytest.fixture
def letter(page: Page) -> Iterator[AssistantPage]:
    """A letter in an editable element; at the end the page has nothing to complain about."""
    shown = AssistantPage(page)
    shown.show(editable(LETTER))
    yield shown
    assert shown.complaints == []


@pytest.fixture
def talk(page: Page) -> Iterator[AssistantPage]:
    """A text area whose users may write prompts of their own."""
    shown = AssistantPage(page, prompt=True)
    shown.show('<textarea id="field" rows="6">Come on Saturday.</textarea>')
    yield shown
    assert shown.complaints == []


def test_a_selection_in_an_editable_element_is_replaced_by_paragraphs(letter: AssistantPage) -> None:
    letter.answers("visit us on Sunday.\n\nBring a pot\nand a spoon.")
    letter.select("come and see us on Saturday.")
    letter.run()
    letter.button("Replace").click()
    assert letter.asked == [
        ("actions/simplify", {"text": "come and see us on Saturday.", "parameters": {}, "locale": "en"})
    ]
    assert letter.markup() == (
        "<p>Dear <b>friends</b>,</p><p>visit us on Sunday.</p><p>Bring a pot<br>and a spoon.</p><p>Mara</p>"
    )
    assert letter.selected() == "visit us on Sunday.\n\nBring a pot\nand a spoon."
    expect(letter.field).to_be_focused()
    inputs = letter.page.evaluate("inputs")
    assert inputs[0] == "beforeinput insertReplacementText"
    assert all(each.startswith("input insert") for each in inputs[1:])


def test_one_undo_brings_back_markup_and_selection(letter: AssistantPage) -> None:
    letter.answers("Hello all.\n\nSee you.")
    letter.select("Mara")
    letter.field.press("End")
    letter.page.keyboard.type("!")
    before = letter.markup()
    letter.select("friends")
    letter.run()
    letter.button("Replace").click()
    letter.field.press("Control+z")
    assert letter.markup() == before
    letter.page.wait_for_function("getSelection().toString() === 'friends'")
    letter.field.press("Control+z")
    assert letter.markup() == LETTER


def test_the_whole_element_is_taken_where_nothing_is_selected(letter: AssistantPage) -> None:
    letter.answers("Short.")
    letter.run()
    letter.button("Replace").click()
    assert letter.asked[0][1]["text"] == "Dear friends,\n\ncome and see us on Saturday.\n\nMara"
    expect(letter.field).to_have_text("Short.")
    letter.field.press("Control+z")
    assert letter.markup() == LETTER


def test_the_menus_undo_brings_back_what_plain_text_cannot(letter: AssistantPage) -> None:
    letter.answers("Short.")
    letter.run()
    letter.button("Replace").click()
    letter.trigger.click()
    letter.part("undo").click()
    assert letter.markup() == LETTER


def test_generated_markup_goes_in_as_the_text_that_it_is(letter: AssistantPage) -> None:
    attack = "<img src=x onerror=alert(1)>\n\n<script>alert(1)</script>"
    letter.answers(attack)
    letter.run()
    letter.button("Replace").click()
    assert letter.field.evaluate("field => field.innerText") == attack
    assert letter.field.locator("img, script").count() == 0


@pytest.mark.parametrize(
    ("markup", "after"),
    [
        ("<p>One</p><p>Two</p>", "<p>One</p><p>1</p><p>Two</p>"),
        ("<div>One</div><div>Two</div>", "<div>One</div><div>1</div><div>Two</div>"),
        ("One", "One<div><br></div><div>1</div>"),
        ("<ul><li>One</li><li>Two</li></ul>", "<ul><li>One</li><li>1</li><li>Two</li></ul>"),
    ],
    ids=["paragraphs", "lines", "bare text", "a list"],
)
def test_text_goes_below_as_the_element_is_made(page: Page, markup: str, after: str) -> None:
    shown = AssistantPage(page)
    shown.show(editable(markup))
    shown.answers("1")
    shown.select("One")
    shown.run()
    shown.button("Insert below").click()
    assert shown.markup() == after
    shown.field.press("Control+z")
    assert shown.markup() == markup


def test_an_original_that_was_edited_meanwhile_is_not_replaced(letter: AssistantPage) -> None:
    letter.answers("Sunday")
    letter.select("Saturday")
    letter.run()
    expect(letter.button("Replace")).to_be_enabled()
    letter.field.evaluate("field => { field.children[1].firstChild.data = 'come on Satur-day.' }")
    letter.select("Mara")
    expect(letter.button("Replace")).to_be_disabled()
    expect(letter.part("remark")).to_contain_text("has changed")


def test_an_element_that_is_no_longer_editable_is_left_alone(letter: AssistantPage) -> None:
    letter.answers("Short.")
    letter.field.evaluate("field => field.setAttribute('contenteditable', 'false')")
    letter.run()
    expect(letter.button("Replace")).to_be_disabled()
    expect(letter.part("remark")).to_contain_text("cannot be changed")


@pytest.mark.parametrize("handles", [True, False], ids=["makes it itself", "refuses it"])
def test_a_page_may_take_over_an_edit(letter: AssistantPage, handles: bool) -> None:
    letter.page.evaluate(
        """(handles) => document.getElementById("field").addEventListener("beforeinput", (event) => {
          event.preventDefault();
          const { startContainer, startOffset } = event.getTargetRanges()[0];
          const text = event.dataTransfer.getData("text/plain");
          if (handles) queueMicrotask(() => startContainer.insertData(startOffset, text));
        })""",
        handles,
    )
    letter.answers("ladies and ")
    letter.select("friends")
    letter.run()
    letter.button("Replace").click()
    if handles:
        expect(letter.field).to_contain_text("Dear ladies andfriends")
        expect(letter.part("status")).to_contain_text("Replaced")
    else:
        expect(letter.part("status")).to_contain_text("cannot be changed")
        assert letter.markup() == LETTER
        letter.trigger.click()
        expect(letter.part("result")).to_have_text("ladies and")


def test_an_editable_element_in_a_shadow_root_works_as_well(page: Page) -> None:
    shown = AssistantPage(page)
    shown.show('<div id="field">-</div><div id="host"></div>')
    page.evaluate(
        """() => {
          document.querySelector("sealgate-assistant").remove();
          const root = document.getElementById("host").attachShadow({ mode: "open" });
          const field = document.createElement("div");
          field.setAttribute("contenteditable", "true");
          for (const text of ["One two", "Three"]) {
            const paragraph = document.createElement("p");
            paragraph.textContent = text;
            field.append(paragraph);
          }
          root.append(field);
          assist(field);
          field.focus();
          const text = field.firstChild.firstChild;
          root.getSelection().setBaseAndExtent(text, 4, text, 7);
        }"""
    )
    shown.answers("2\n\n2½")
    shown.run()
    shown.button("Replace").click()
    assert shown.asked[0][1]["text"] == "two"
    markup = "document.getElementById('host').shadowRoot.firstChild.innerHTML"
    assert page.evaluate(markup) == "<p>One 2</p><p>2½</p><p>Three</p>"
    page.keyboard.press("Control+z")
    assert page.evaluate(markup) == "<p>One two</p><p>Three</p>"


def test_a_selection_outlives_the_prompt_box(page: Page) -> None:
    shown = AssistantPage(page, prompt=True)
    shown.show(editable(LETTER))
    shown.select("friends")
    shown.field.press("Control+j")
    expect(shown.part("prompt-box")).to_be_focused()
    expect(shown.part("scope")).to_have_text("Selection, 1 word")
    page.keyboard.type("more formal")
    page.keyboard.press("Escape")
    expect(shown.field).to_be_focused()
    assert shown.selected() == "friends"
    shown.answers("ladies and gentlemen")
    shown.field.press("Control+j")
    expect(shown.part("prompt-box")).to_have_value("more formal")
    page.keyboard.press("Enter")
    shown.button("Replace").click()
    expect(shown.field).to_contain_text("Dear ladies and gentlemen,")


def test_enter_sends_a_prompt_and_shift_enter_begins_a_line(talk: AssistantPage) -> None:
    talk.answers("Do come.")
    talk.trigger.click()
    expect(talk.part("prompt-box")).to_be_focused()
    expect(talk.button("Send")).to_be_disabled()
    talk.page.keyboard.type("Make it warm")
    talk.page.keyboard.press("Shift+Enter")
    talk.page.keyboard.type("and short.")
    talk.page.keyboard.press("Enter")
    expect(talk.part("result")).to_have_text("Do come.")
    prompt = {
        "prompt": "Make it warm\nand short.",
        "text": "Come on Saturday.",
        "history": [],
        "locale": "en",
    }
    assert talk.asked == [("prompt", prompt)]
    expect(talk.part("asked")).to_contain_text("Make it warm")
    talk.button("Replace").click()
    expect(talk.field).to_have_value("Do come.")
    assert talk.told("applied")[0]["action"] is None


def test_enter_within_an_input_method_does_not_send(talk: AssistantPage) -> None:
    talk.trigger.click()
    session = talk.page.context.new_cdp_session(talk.page)
    expect(talk.part("prompt-box")).to_be_focused()
    session.send("Input.imeSetComposition", {"text": "にほn", "selectionStart": 3, "selectionEnd": 3})
    key = {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229}
    session.send("Input.dispatchKeyEvent", key)
    session.send("Input.insertText", {"text": "日本"})
    expect(talk.part("prompt-box")).to_have_value("日本")
    assert talk.asked == []


def test_follow_ups_send_what_was_said_and_every_version_stays(talk: AssistantPage) -> None:
    talk.answers("One.", "Two.", "Three.", "Four.")
    talk.trigger.click()
    expect(talk.part("prompt-box")).to_be_focused()
    talk.page.keyboard.type("first")
    talk.page.keyboard.press("Enter")
    for words in ("second", "third"):
        box = talk.part("follow-up").get_by_role("textbox")
        box.fill(words)
        box.press("Enter")
    expect(talk.part("version")).to_have_text("Version 3 of 3")
    history = [{"prompt": "first", "answer": "One."}, {"prompt": "second", "answer": "Two."}]
    assert talk.asked[2][1]["history"] == history
    talk.button("Earlier version").click()
    talk.button("Earlier version").click()
    expect(talk.part("result")).to_have_text("One.")
    expect(talk.part("asked")).to_contain_text("first")
    expect(talk.part("status")).to_have_text("Version 1 of 3")
    expect(talk.button("Earlier version")).to_be_focused()
    talk.button("Later version").click()
    expect(talk.part("result")).to_have_text("Two.")
    talk.button("Try again").click()
    expect(talk.part("version")).to_have_text("Version 4 of 4")
    assert talk.asked[3] == talk.asked[1]


def test_an_actions_result_can_be_refined_and_no_more_turns_go_along_than_are_allowed(
    talk: AssistantPage,
) -> None:
    talk.answers("One.", "Two.", "Three.", "Four.")
    talk.run()
    for words in ("second", "third", "fourth"):
        box = talk.part("follow-up").get_by_role("textbox")
        box.fill(words)
        box.press("Enter")
    expect(talk.part("result")).to_have_text("Four.")
    assert talk.asked[1][1]["history"] == [{"prompt": "Simplify", "answer": "One."}]
    assert [turn["prompt"] for turn in talk.asked[3][1]["history"]] == ["second", "third"]


def test_starting_over_forgets_what_was_said(talk: AssistantPage) -> None:
    talk.answers("One.", "Two.")
    talk.trigger.click()
    expect(talk.part("prompt-box")).to_be_focused()
    talk.page.keyboard.type("first")
    talk.page.keyboard.press("Enter")
    talk.button("Start over").click()
    expect(talk.part("prompt-box")).to_be_focused()
    talk.page.keyboard.type("anew")
    talk.page.keyboard.press("Enter")
    expect(talk.part("result")).to_have_text("Two.")
    assert talk.asked[1][1]["history"] == []
    expect(talk.part("versions")).to_have_count(0)


def test_a_prompt_on_an_empty_field_writes_something_new(page: Page) -> None:
    shown = AssistantPage(page, prompt=True)
    shown.show('<textarea id="field"></textarea>')
    shown.answers("To Ilse!")
    shown.trigger.click()
    expect(shown.part("prompt-box")).to_be_focused()
    page.keyboard.type("A toast")
    page.keyboard.press("Enter")
    expect(shown.part("result")).to_have_text("To Ilse!")
    assert shown.asked == [("prompt", {"prompt": "A toast", "history": [], "locale": "en"})]
    shown.button("Insert").click()
    expect(shown.field).to_have_value("To Ilse!")


def test_without_the_right_there_is_no_prompt(letter: AssistantPage) -> None:
    letter.answers("Short.")
    letter.run()
    expect(letter.button("Replace")).to_be_visible()
    expect(letter.part("prompt-box")).to_have_count(0)


def test_a_language_is_found_by_typing_and_the_result_tells_its_own(letter: AssistantPage) -> None:
    letter.answers("Liebe Freunde")
    letter.run("translate")
    expect(letter.part("find")).to_be_focused()
    letter.page.keyboard.type("germ")
    expect(letter.part("choice")).to_have_text([re.compile(r"Deutsch\s+German")])
    expect(letter.part("status")).to_have_text("1 match")
    letter.page.keyboard.press("Enter")
    expect(letter.part("result")).to_have_attribute("lang", "de")
    assert letter.asked[0][1]["parameters"] == {"language": "de"}


def test_a_letter_leads_to_the_next_choice_that_begins_with_it(letter: AssistantPage) -> None:
    letter.run("translate")
    expect(letter.part("choice")).to_have_count(len(LANGUAGES))
    letter.page.keyboard.press("ArrowDown")
    letter.page.keyboard.press("p")
    letter.page.keyboard.press("p")
    expect(letter.page.get_by_role("radio", name="Polski")).to_be_checked()
    expect(letter.page.get_by_role("radio", name="Polski")).to_be_focused()


def test_the_page_is_told_once_when_requests_run_low_and_once_when_they_are_used_up(page: Page) -> None:
    shown = AssistantPage(page, limit=10, remaining=3)
    shown.show('<textarea id="field">One</textarea>')
    shown.answers("1", "2", "3")
    shown.run()
    expect(shown.part("allowance")).to_have_text("2 of 10 requests left this minute")
    shown.button("Try again").click()
    expect(shown.part("allowance")).to_have_text("Running low: 1 of 10 requests left this minute")
    assert [each["standing"] for each in shown.told("limit")] == ["low"]
    shown.button("Try again").click()
    expect(shown.part("used-up")).to_contain_text("The next one is there in")
    expect(shown.part("status")).to_contain_text("Done, 1 word. You have used up your requests for now.")
    expect(shown.part("again")).to_be_disabled()
    assert shown.told("limit")[1] == {
        "standing": "used-up",
        "remaining": 0,
        "limit": 10,
        "windowS": 60,
        "retryAfterS": 6,
    }


def test_nothing_can_be_begun_until_a_request_is_there_again(page: Page) -> None:
    shown = AssistantPage(page, limit=60, remaining=0)
    shown.show('<textarea id="field">One</textarea>')
    shown.trigger.click()
    expect(shown.part("used-up")).to_be_visible()
    expect(shown.part("menu-item").first).to_have_attribute("aria-disabled", "true")
    shown.remaining = 5
    expect(shown.part("used-up")).to_be_hidden()
    expect(shown.part("menu-item").first).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize("width", [320, 1200])
def test_the_panel_fits_the_window(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 640})
    shown = AssistantPage(page, prompt=True, limit=10, remaining=2)
    shown.show('<textarea id="field">One two three</textarea>')
    shown.answers("Long words " * 60, "b")
    shown.run()
    shown.button("Try again").click()
    expect(shown.part("versions")).to_be_visible()
    box = shown.part("panel").bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 640
    panel = shown.part("panel")
    assert panel.evaluate("panel => panel.scrollWidth <= panel.clientWidth")
