/**
 * A native text field as the assistant uses it: what is selected, and edits that its user can undo in one step.
 * Edits go through the browser's own editing command, so native input events fire and the undo history stays whole.
 * It never edits a field that is disabled or read-only, and never past the field's length limit.
 */
import { lineEnd, type Range, relocate, type Snapshot } from "./range.ts";

export type TextField = HTMLTextAreaElement | HTMLInputElement;

/** Inputs without a selection API (email, number, date …) cannot be edited in place. */
const INPUT_TYPES = ["text", "search", "url", "tel"];

export function isTextField(element: unknown): element is TextField {
  return (
    element instanceof HTMLTextAreaElement ||
    (element instanceof HTMLInputElement && INPUT_TYPES.includes(element.type))
  );
}

/** The selection where there is one, else the whole text. */
export function snapshot(field: TextField): Snapshot {
  const value = field.value;
  const selection = selectionOf(field);
  const chosen = value.slice(selection.start, selection.end);
  const range = chosen.trim() === "" ? { start: 0, end: value.length } : selection;
  return { value, range, selection };
}

export type Obstacle =
  | { readonly kind: "stale" }
  | { readonly kind: "readOnly" }
  | { readonly kind: "tooLong"; readonly by: number };

export interface Edit {
  readonly range: Range;
  readonly text: string;
}

/** The edit that puts the result in the original's place, or why that is not possible now. */
export function replacing(field: TextField, origin: Snapshot, text: string): Edit | Obstacle {
  const range = relocate(origin, field.value);
  if (!range) return { kind: "stale" };
  return fitting(field, { range, text });
}

/** The edit that puts the result on lines of its own below the original; below the caret if the original is gone. */
export function insertingBelow(field: TextField, origin: Snapshot, text: string): Edit | Obstacle {
  const after = (relocate(origin, field.value) ?? selectionOf(field)).end;
  const at = lineEnd(field.value, after);
  const gap = field instanceof HTMLTextAreaElement ? "\n\n" : " ";
  return fitting(field, { range: { start: at, end: at }, text: gap + text });
}

function fitting(field: TextField, edit: Edit): Edit | Obstacle {
  if (field.disabled || field.readOnly) return { kind: "readOnly" };
  const length = field.value.length - (edit.range.end - edit.range.start) + edit.text.length;
  const limit = field.maxLength >= 0 ? field.maxLength : Number.POSITIVE_INFINITY;
  return length > limit ? { kind: "tooLong", by: length - limit } : edit;
}

/** An edit that was made, with what is needed to take it back. */
export interface Applied {
  readonly edit: Edit;
  readonly before: { readonly value: string; readonly selection: Range };
  readonly after: string;
}

/** Makes the edit as one step of the field's undo history, selects what was put in, and leaves focus in the field. */
export function apply(field: TextField, edit: Edit, selection = selectionOf(field)): Applied {
  const before = { value: field.value, selection };
  field.focus({ preventScroll: true });
  write(field, edit);
  field.setSelectionRange(edit.range.start, edit.range.start + edit.text.length);
  field.dispatchEvent(new Event("change", { bubbles: true }));
  return { edit, before, after: field.value };
}

/** Takes the edit back, text and selection; false if the field was edited since. */
export function revert(field: TextField, { edit, before, after }: Applied): boolean {
  if (field.value !== after || field.disabled || field.readOnly) return false;
  const { start, end } = edit.range;
  const text = before.value.slice(start, end);
  apply(field, { range: { start, end: start + edit.text.length }, text });
  select(field, before.selection);
  return true;
}

/**
 * The browser's undo gives the text back; the selection that belonged to it is given back here, until `until` aborts.
 * Browsers set their own selection after the input event, so ours follows in the next task.
 */
export function restoreSelectionOnUndo(
  field: TextField,
  { before }: Applied,
  until: AbortSignal,
): void {
  const listen = (event: Event) => {
    if ((event as InputEvent).inputType !== "historyUndo" || field.value !== before.value) return;
    setTimeout(() => select(field, before.selection));
  };
  field.addEventListener("input", listen, { signal: until });
}

function write(field: TextField, { range, text }: Edit): void {
  const expected = field.value.slice(0, range.start) + text + field.value.slice(range.end);
  field.setSelectionRange(range.start, range.end);
  if (command(field, text) && field.value === expected) return;
  // No editing command here (or it did something else): set the text, and say so as the browser would have.
  // Not through `value`: frameworks that watch that setter would take the change for their own.
  field.setRangeText(expected, 0, field.value.length, "end");
  field.dispatchEvent(
    new InputEvent("input", { bubbles: true, composed: true, inputType: "insertReplacementText" }),
  );
}

/** execCommand is deprecated and without a successor: nothing else enters a text field's undo history. */
function command(field: TextField, text: string): boolean {
  const page: Document & { execCommand?: Document["execCommand"] } = field.ownerDocument;
  if (typeof page.execCommand !== "function") return false;
  return text === "" ? page.execCommand("delete") : page.execCommand("insertText", false, text);
}

export function selectionOf(field: TextField): Range {
  const start = field.selectionStart ?? field.value.length;
  return { start, end: field.selectionEnd ?? start };
}

function select(field: TextField, { start, end }: Range): void {
  field.setSelectionRange(start, end);
}
