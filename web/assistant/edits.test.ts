// @vitest-environment happy-dom
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  apply,
  type Edit,
  insertingBelow,
  type Obstacle,
  replacing,
  restoreSelectionOnUndo,
  revert,
  snapshot,
} from "./edits.ts";
import { isTextField, NativeField } from "./native-field.ts";

function area(value: string, start = 0, end = start): NativeField {
  const element = document.createElement("textarea");
  document.body.append(element);
  element.value = value;
  element.setSelectionRange(start, end);
  return new NativeField(element);
}

/** The edit, where nothing stands in its way. */
function possible(edit: Edit | Obstacle): Edit {
  if ("kind" in edit) throw new Error(edit.kind);
  return edit;
}

/** The edit that was made, where the page did not refuse it. */
function made(...edit: Parameters<typeof apply>) {
  const applied = apply(...edit);
  if (!applied) throw new Error("refused");
  return applied;
}

/** What a browser does for execCommand: one edit at the selection, and an input event. */
function editingCommands(): void {
  Object.assign(document, {
    execCommand(name: string, _ui: boolean, text = "") {
      const field = document.activeElement as HTMLTextAreaElement;
      const { selectionStart, selectionEnd } = field;
      field.setRangeText(name === "delete" ? "" : text, selectionStart, selectionEnd, "end");
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

  it("leaves out the white space at both ends of a selection", () => {
    expect(snapshot(area("one two \nthree", 3, 9)).range).toEqual({ start: 4, end: 7 });
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
    const edit = possible(replacing(field, snapshot(field), "2"));
    apply(field, edit);
    expect(field.text).toBe("one 2 three");
    expect(field.selection).toEqual({ start: 4, end: 5 });
    expect(told.mock.calls.flat()).toEqual(["input", "change"]);
    expect(document.activeElement).toBe(field.element);
  });

  it("an edit can be taken back, text and selection", () => {
    if (commands) editingCommands();
    const field = area("one two three", 4, 7);
    const edit = possible(replacing(field, snapshot(field), "2"));
    const applied = made(field, edit);
    expect(revert(field, applied)).toBe(true);
    expect(field.text).toBe("one two three");
    expect(field.selection).toEqual({ start: 4, end: 7 });
  });
});

describe("an edit", () => {
  it("is not taken back over what was typed since", () => {
    const field = area("one two", 0, 3);
    const edit = possible(replacing(field, snapshot(field), "1"));
    const applied = made(field, edit);
    field.element.value += "!";
    expect(revert(field, applied)).toBe(false);
    expect(field.text).toBe("1 two!");
  });

  it("goes below the line of the original", () => {
    const field = area("one two\nthree", 0, 3);
    const edit = possible(insertingBelow(field, snapshot(field), "2"));
    apply(field, edit);
    expect(field.text).toBe("one two\n\n2\nthree");
  });

  it("stays on the one line that an input has", () => {
    const element = document.createElement("input");
    document.body.append(element);
    element.value = "one";
    const field = new NativeField(element);
    expect(insertingBelow(field, snapshot(field), "2")).toEqual({
      range: { start: 3, end: 3 },
      text: " 2",
    });
  });

  it("is refused where the original was edited", () => {
    const field = area("one two", 0, 3);
    const origin = snapshot(field);
    field.element.value = "0ne two";
    expect(replacing(field, origin, "1")).toEqual({ kind: "stale" });
    expect(insertingBelow(field, origin, "1")).not.toHaveProperty("kind");
  });

  it("puts something new under what was typed meanwhile into an empty field", () => {
    const field = area("");
    const origin = snapshot(field);
    field.element.value = "Dear all,";
    made(field, possible(replacing(field, origin, "Come on Saturday.")));
    expect(field.text).toBe("Dear all,\n\nCome on Saturday.");
  });

  it("is announced before it is made, and left to a page that takes over", () => {
    const field = area("one two", 0, 3);
    const told = vi.fn((event: InputEvent) => event.preventDefault());
    document.body.addEventListener("beforeinput", told, { once: true });
    expect(apply(field, possible(replacing(field, snapshot(field), "1")))).toBeNull();
    expect(told.mock.calls[0]?.[0]).toMatchObject({
      inputType: "insertReplacementText",
      data: "1",
    });
    expect(field.text).toBe("one two");
  });

  it.each(["readOnly", "disabled"] as const)("is refused in a field that is %s", (state) => {
    const field = area("one");
    Object.assign(field.element, { [state]: true });
    expect(replacing(field, snapshot(field), "1")).toEqual({ kind: "readOnly" });
  });

  it("is refused past the field's length, and says by how much", () => {
    const field = area("one two", 0, 3);
    field.element.maxLength = 10;
    expect(replacing(field, snapshot(field), "eleven!")).toEqual({ kind: "tooLong", by: 1 });
    expect(replacing(field, snapshot(field), "eleven")).not.toHaveProperty("kind");
  });

  it("gets its selection back when the browser undoes it", async () => {
    const field = area("one two", 2, 2);
    const origin = snapshot(field);
    const edit = possible(replacing(field, origin, "1"));
    const applied = made(field, edit, origin.selection);
    restoreSelectionOnUndo(field, applied, new AbortController().signal);
    field.element.value = "one two";
    field.element.dispatchEvent(new InputEvent("input", { inputType: "historyUndo" }));
    await vi.waitFor(() => expect(field.selection).toEqual({ start: 2, end: 2 }));
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
