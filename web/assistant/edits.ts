/**
 * What the assistant does to a field: reads what is selected, and makes edits that its user can undo in one step.
 * Its counterparts are field.ts (the field) and range.ts (where the original went meanwhile).
 * It never edits a field that is locked, never past its limit, and never where the page refuses the edit.
 */
import type { Field } from "./field.ts";
import { isBlank, lineEnd, type Range, relocate, type Snapshot, trimmed } from "./range.ts";

/** The selection where there is one, else the whole text. */
export function snapshot({ text, selection }: Field): Snapshot {
  const chosen = trimmed(text, selection);
  const range = chosen.start === chosen.end ? { start: 0, end: text.length } : chosen;
  return { value: text, range, selection };
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
export function replacing(field: Field, origin: Snapshot, text: string): Edit | Obstacle {
  // Where there was nothing, nothing is replaced: what was typed meanwhile stays above the result.
  if (isBlank(origin) && field.text.trim() !== "") return insertingBelow(field, origin, text);
  const range = relocate(origin, field.text);
  if (!range) return { kind: "stale" };
  return fitting(field, { range, text });
}

/** The edit that puts the result on lines of its own below the original; below the caret if the original is gone. */
export function insertingBelow(field: Field, origin: Snapshot, text: string): Edit | Obstacle {
  const present = field.text;
  const place = isBlank(origin) ? null : relocate(origin, present);
  const after = (place ?? field.selection).end;
  const at = lineEnd(present, after);
  return fitting(field, { range: { start: at, end: at }, text: field.gap + text });
}

function fitting(field: Field, edit: Edit): Edit | Obstacle {
  if (field.isLocked) return { kind: "readOnly" };
  const length = field.text.length - (edit.range.end - edit.range.start) + edit.text.length;
  return length > field.limit ? { kind: "tooLong", by: length - field.limit } : edit;
}

/** An edit that was made, with what is needed to take it back. */
export interface Applied {
  readonly edit: Edit;
  readonly before: { readonly value: string; readonly selection: Range };
  readonly after: string;
}

/**
 * Makes the edit as one step of the field's undo history, selects what was put in, and leaves focus in the field.
 * Null where the page cancelled `beforeinput`: it makes the edit itself, or does not want it.
 */
export function apply(field: Field, edit: Edit, selection = field.selection): Applied | null {
  const before = { value: field.text, selection };
  field.focus();
  if (!isWelcome(field, edit)) return null;
  field.write(edit.range, edit.text);
  const after = field.text;
  const applied = { edit, before, after };
  field.select(placed(applied));
  return applied;
}

/** Where the edit's text is: what follows it is as before, so this holds also where the page changed it on its way in. */
function placed({ edit, before, after }: Applied): Range {
  const { start } = edit.range;
  const end = after.length - (before.value.length - edit.range.end);
  return { start, end: Math.max(start, end) };
}

/** Takes the edit back, text and selection; false if the field was edited since. */
export function revert(field: Field, applied: Applied): boolean {
  const { edit, before, after } = applied;
  if (field.text !== after || field.isLocked) return false;
  field.focus();
  if (!field.takeBack() || field.text !== before.value) {
    const text = before.value.slice(edit.range.start, edit.range.end);
    apply(field, { range: placed(applied), text });
  }
  field.select(before.selection);
  return true;
}

/**
 * The browser's undo gives the text back; the selection that belonged to it is given back here, until `until` aborts.
 * Browsers set their own selection after the input event, so ours follows in the next task.
 */
export function restoreSelectionOnUndo(
  field: Field,
  { before }: Applied,
  until: AbortSignal,
): void {
  const listen = (event: Event) => {
    if ((event as InputEvent).inputType !== "historyUndo" || field.text !== before.value) return;
    setTimeout(() => field.select(before.selection));
  };
  field.element.addEventListener("input", listen, { signal: until });
}

/** Browsers ask the page before typing but not before editing commands, so it is asked here. */
function isWelcome(field: Field, { range, text }: Edit): boolean {
  const about = field.announcement(range, text);
  const event = new InputEvent("beforeinput", {
    ...about,
    inputType: "insertReplacementText",
    bubbles: true,
    composed: true,
    cancelable: true,
  });
  return field.element.dispatchEvent(event);
}
