/**
 * Where a piece of the field's text is, and where it went while an answer was being written.
 * Used when a result is applied: replacing is only offered while the original stands unchanged.
 * Pure: offsets are UTF-16 units, as in the DOM.
 */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The field as it was when the user asked. */
export interface Snapshot {
  readonly value: string;
  readonly range: Range;
  /** What undo must give back besides the text. */
  readonly selection: Range;
}

export function originalOf({ value, range }: Snapshot): string {
  return value.slice(range.start, range.end);
}

/** Whether there was no text to work on. */
export function isBlank(snapshot: Snapshot): boolean {
  return originalOf(snapshot).trim() === "";
}

/**
 * The original's place in the present text; null once it was touched itself.
 * An edit wholly before it moves it, an edit wholly after it leaves it alone.
 */
export function relocate({ value, range }: Snapshot, present: string): Range | null {
  if (present === value) return range;
  const shift = present.length - value.length;
  const moved = { start: range.start + shift, end: range.end + shift };
  // Everything up to its end is as before, so the edit came after it.
  if (present.startsWith(value.slice(0, range.end))) return range;
  if (moved.start >= 0 && present.endsWith(value.slice(range.start))) return moved;
  return null;
}

/** The range without the white space at both its ends; empty where it holds nothing else. */
export function trimmed(text: string, { start, end }: Range): Range {
  const chosen = text.slice(start, end);
  const from = start + chosen.length - chosen.trimStart().length;
  return { start: from, end: from + chosen.trim().length };
}

/** The end of the line that holds the offset: where "below" begins. */
export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf("\n", offset);
  return end < 0 ? text.length : end;
}
