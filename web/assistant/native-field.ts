/**
 * A `<textarea>` or a text `<input>` as a field.
 * Edits go through the browser's own editing command, so native input events fire and the undo history stays whole.
 * It never edits through the `value` setter: frameworks that watch it would take the change for their own.
 */
import type { Field } from "./field.ts";
import type { Range } from "./range.ts";

export type TextField = HTMLTextAreaElement | HTMLInputElement;

/** Inputs without a selection API (email, number, date …) cannot be edited in place. */
const INPUT_TYPES = ["text", "search", "url", "tel"];

export function isTextField(element: unknown): element is TextField {
  return (
    element instanceof HTMLTextAreaElement ||
    (element instanceof HTMLInputElement && INPUT_TYPES.includes(element.type))
  );
}

export class NativeField implements Field {
  readonly element: TextField;

  constructor(element: TextField) {
    this.element = element;
  }

  get text(): string {
    return this.element.value;
  }

  get selection(): Range {
    const start = this.element.selectionStart ?? this.element.value.length;
    return { start, end: this.element.selectionEnd ?? start };
  }

  get isLocked(): boolean {
    return this.element.disabled || this.element.readOnly;
  }

  get limit(): number {
    const { maxLength } = this.element;
    return maxLength >= 0 ? maxLength : Number.POSITIVE_INFINITY;
  }

  get gap(): string {
    return this.element instanceof HTMLTextAreaElement ? "\n\n" : " ";
  }

  select({ start, end }: Range): void {
    this.element.setSelectionRange(start, end);
  }

  focus(): void {
    this.element.focus({ preventScroll: true });
  }

  write(range: Range, text: string): void {
    const field = this.element;
    const expected = field.value.slice(0, range.start) + text + field.value.slice(range.end);
    this.select(range);
    if (!command(field, text) || field.value !== expected) {
      // No editing command here (or it did something else): set the text, and say so as the browser would have.
      field.setRangeText(expected, 0, field.value.length, "end");
      const inputType = "insertReplacementText";
      field.dispatchEvent(new InputEvent("input", { bubbles: true, composed: true, inputType }));
    }
    field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  /** Plain text has nothing to lose by being written again, and that can be undone in turn. */
  takeBack(): boolean {
    return false;
  }

  announcement(_range: Range, text: string): InputEventInit {
    return { data: text };
  }

  selectionMoved(): void {}
}

/** execCommand is deprecated and without a successor: nothing else enters a text field's undo history. */
function command(field: TextField, text: string): boolean {
  const page: Document & { execCommand?: Document["execCommand"] } = field.ownerDocument;
  if (typeof page.execCommand !== "function") return false;
  return text === "" ? page.execCommand("delete") : page.execCommand("insertText", false, text);
}
