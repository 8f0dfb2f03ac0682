// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  apply,
  insertingBelow,
  isTextField,
  replacing,
  restoreSelectionOnUndo,
  revert,
  selectionOf,
  snapshot,
} from "./text-field.ts";

function area(value: string, start = 0, end = start): HTMLTextAreaElement {
  const field = document.createElement("textarea");
  document.body.append(field);
  field.value = value;
  field.setSelectionRange(start, end);
  return field;
}

/** What a browser does for execCommand: one edit at the selection, and an input event. */
function editingCommands(): void {
  Object.assign(document, {
    execCommand(name: string, _ui: boolean, text = "") {
      const field = document.activeElement as HTMLTextAreaElement;
      const { start, end } = selectionOf(field);
      field.setRangeText(name === "delete" ? "" : text, start, end, "end");
      return field.dispatchEvent(
        new InputEvent("input", { bubbles: true, inputType: "insertText" }),
      );
    },
  });
}

afterEach(() => {
  document.body.replaceChildren();
  Reflect.deleteProperty(document, "execCommand");
});

describe("a snapshot", () => {
  it("is of the selection where there is one", () => {
    expect(snapshot(area("one two", 4, 7)).range).toEqual({ start: 4, end: 7 });
  });

  it.each([
    ["a caret", 3, 3],
    ["white space", 3, 4],
  ])("is of the whole text where only %s is selected", (_name, start, end) => {
    const { range, selection } = snapshot(area("one two", start, end));
    expect(range).toEqual({ start: 0, end: 7 });
    expect(selection).toEqual({ start, end });
  });
});

describe.each([
  ["the browser's editing command", true],
  ["no editing command", false],
])("with %s", (_name, commands) => {
  it("an edit puts the text in, selects it, tells the page and keeps focus in the field", () => {
    if (commands) editingCommands();
    const field = area("one two three", 4, 7);
    const told = vi.fn();
    document.body.addEventListener("input", () => told("input"), { once: true });
    document.body.addEventListener("change", () => told("change"), { once: true });
    const edit = replacing(field, snapshot(field), "2");
    if ("kind" in edit) throw new Error(edit.kind);
    apply(field, edit);
    expect(field.value).toBe("one 2 three");
    expect(selectionOf(field)).toEqual({ start: 4, end: 5 });
    expect(told.mock.calls.flat()).toEqual(["input", "change"]);
    expect(document.activeElement).toBe(field);
  });

  it("an edit can be taken back, text and selection", () => {
    if (commands) editingCommands();
    const field = area("one two three", 4, 7);
    const edit = replacing(field, snapshot(field), "2");
    if ("kind" in edit) throw new Error(edit.kind);
    const applied = apply(field, edit);
    expect(revert(field, applied)).toBe(true);
    expect(field.value).toBe("one two three");
    expect(selectionOf(field)).toEqual({ start: 4, end: 7 });
  });
});

describe("an edit", () => {
  it("is not taken back over what was typed since", () => {
    const field = area("one two", 0, 3);
    const edit = replacing(field, snapshot(field), "1");
    if ("kind" in edit) throw new Error(edit.kind);
    const applied = apply(field, edit);
    field.value += "!";
    expect(revert(field, applied)).toBe(false);
    expect(field.value).toBe("1 two!");
  });

  it("goes below the line of the original", () => {
    const field = area("one two\nthree", 0, 3);
    const edit = insertingBelow(field, snapshot(field), "2");
    if ("kind" in edit) throw new Error(edit.kind);
    apply(field, edit);
    expect(field.value).toBe("one two\n\n2\nthree");
  });

  it("stays on the one line that an input has", () => {
    const field = document.createElement("input");
    document.body.append(field);
    field.value = "one";
    expect(insertingBelow(field, snapshot(field), "2")).toEqual({
      range: { start: 3, end: 3 },
      text: " 2",
    });
  });

  it("is refused where the original was edited", () => {
    const field = area("one two", 0, 3);
    const origin = snapshot(field);
    field.value = "0ne two";
    expect(replacing(field, origin, "1")).toEqual({ kind: "stale" });
    expect(insertingBelow(field, origin, "1")).not.toHaveProperty("kind");
  });

  it.each(["readOnly", "disabled"] as const)("is refused in a field that is %s", (state) => {
    const field = area("one");
    field[state] = true;
    expect(replacing(field, snapshot(field), "1")).toEqual({ kind: "readOnly" });
  });

  it("is refused past the field's length, and says by how much", () => {
    const field = area("one two", 0, 3);
    field.maxLength = 10;
    expect(replacing(field, snapshot(field), "eleven!")).toEqual({ kind: "tooLong", by: 1 });
    expect(replacing(field, snapshot(field), "eleven")).not.toHaveProperty("kind");
  });

  it("gets its selection back when the browser undoes it", async () => {
    const field = area("one two", 2, 2);
    const origin = snapshot(field);
    const edit = replacing(field, origin, "1");
    if ("kind" in edit) throw new Error(edit.kind);
    const applied = apply(field, edit, origin.selection);
    restoreSelectionOnUndo(field, applied, new AbortController().signal);
    field.value = "one two";
    field.dispatchEvent(new InputEvent("input", { inputType: "historyUndo" }));
    await vi.waitFor(() => expect(selectionOf(field)).toEqual({ start: 2, end: 2 }));
  });
});

describe("a text field", () => {
  it.each([
    ["text", true],
    ["search", true],
    ["email", false],
    ["checkbox", false],
    ["password", false],
  ])("is an input of type %s: %s", (type, expected) => {
    const field = document.createElement("input");
    field.type = type;
    expect(isTextField(field)).toBe(expected);
  });
});
