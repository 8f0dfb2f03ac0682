// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EditableField, isEditable } from "./editable-field.ts";
import { EditableText } from "./editable-text.ts";
import { apply, insertingBelow, replacing, snapshot } from "./edits.ts";

function editable(markup: string, value = "true"): HTMLElement {
  const element = document.createElement("div");
  element.setAttribute("contenteditable", value);
  element.innerHTML = markup;
  document.body.append(element);
  return element;
}

beforeEach(() => {
  // Missing here, in no browser.
  vi.stubGlobal("StaticRange", class {});
});

afterEach(() => {
  document.body.replaceChildren();
  vi.unstubAllGlobals();
});

describe("the text of an editable element", () => {
  it.each([
    ["one <b>two</b> three", "one two three"],
    ["<p>One.</p><p>Two.</p>", "One.\n\nTwo."],
    ["\n  <p>One.</p>\n  <p>\n    Two\n    words.\n  </p>\n", "One.\n\nTwo words."],
    ["one<div>two</div><div>three</div>", "one\ntwo\nthree"],
    ["<div>one</div><div><br></div><div>two</div>", "one\n\ntwo"],
    ["<p>one<br>two</p>", "one\ntwo"],
    ["<p>one<br></p><p>two</p>", "one\n\ntwo"],
    ["one<br><br>two<br>", "one\n\ntwo"],
    ["<p><br></p>", ""],
    ["", ""],
    ["a&nbsp; b", "a  b"],
    [
      "<ul><li>one</li><li>two<ul><li>three</li></ul></li></ul><p>four</p>",
      "one\ntwo\nthree\n\nfour",
    ],
    ["<h2>Head</h2>text", "Head\n\ntext"],
    ["<p>see <a href='/'>this <i>page</i></a>.</p>", "see this page."],
    ["<p>a</p><template>no</template><p style='display: none'>no</p><p>b</p>", "a\n\nb"],
    ["<!-- no -->yes", "yes"],
  ])("of %j is %j", (markup, text) => {
    expect(new EditableText(editable(markup)).text).toBe(text);
  });

  it("keeps white space where the page does", () => {
    const element = editable("<pre style='white-space: pre'>a  b\n c</pre>");
    expect(new EditableText(element).text).toBe("a  b\n c");
  });

  it("leads from every offset to a place and back", () => {
    const element = editable("<p>One <b>bold</b> word.</p><p>Two</p>\n<div>three<br>four</div>");
    const reading = new EditableText(element);
    for (let offset = 0; offset <= reading.text.length; offset += 1) {
      if (reading.text[offset - 1] === "\n" && reading.text[offset] === "\n") continue;
      expect(reading.offset(reading.place(offset, "start"))).toBe(offset);
    }
  });

  it("ends at the end of a paragraph where the selection ends before the next", () => {
    const element = editable("<p>One</p><p>Two</p>");
    const reading = new EditableText(element);
    expect(reading.offset({ node: element.children[1] as Node, offset: 0 })).toBe(3);
    expect(reading.offset({ node: element, offset: 1 })).toBe(3);
    expect(reading.offset({ node: element, offset: 2 })).toBe(8);
  });
});

describe("an editable field", () => {
  it.each([
    ["true", true, false],
    ["plaintext-only", true, false],
    ["false", true, true],
  ])("with contenteditable=%s is a field: %s, locked: %s", (value, field, locked) => {
    const element = editable("x", value);
    expect(isEditable(element)).toBe(field);
    if (value !== "plaintext-only") expect(new EditableField(element).isLocked).toBe(locked);
  });

  it("keeps its selection while another element has one", () => {
    const field = new EditableField(editable("<p>One two</p>"));
    const other = document.createElement("p");
    other.textContent = "other";
    document.body.append(other);
    field.select({ start: 4, end: 7 });
    getSelection()?.selectAllChildren(other);
    field.selectionMoved();
    expect(field.selection).toEqual({ start: 4, end: 7 });
    expect(snapshot(field).range).toEqual({ start: 4, end: 7 });
  });

  it("takes text as text, where the browser has no editing commands", () => {
    const field = new EditableField(editable("<p>One</p><p>Two</p>"));
    field.select({ start: 0, end: 3 });
    const edit = replacing(field, snapshot(field), "<img src=x>\n\n1");
    if ("kind" in edit) throw new Error(edit.kind);
    apply(field, edit);
    expect(field.text).toBe("<img src=x>\n\n1\n\nTwo");
    expect(field.element.querySelector("img")).toBeNull();
  });

  it("gets text below the paragraph of the original", () => {
    const field = new EditableField(editable("<p>One</p><p>Two</p>"));
    field.select({ start: 0, end: 3 });
    const edit = insertingBelow(field, snapshot(field), "1");
    expect(edit).toEqual({ range: { start: 3, end: 3 }, text: "\n\n1" });
  });

  it("is not replaced where the original was edited", () => {
    const field = new EditableField(editable("<p>One</p>"));
    const origin = snapshot(field);
    field.element.firstElementChild?.replaceChildren("0ne");
    expect(replacing(field, origin, "1")).toEqual({ kind: "stale" });
  });
});
