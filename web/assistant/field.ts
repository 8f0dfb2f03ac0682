/**
 * Text that its user can edit, as the assistant sees it: plain text with offsets, whatever the page made it of.
 * Its adapters are native-field.ts (textarea, input) and editable-field.ts (contenteditable); edits.ts works on it.
 * Offsets are UTF-16 units of `text`. An adapter never takes or gives markup.
 */
import type { Range } from "./range.ts";

export interface Field {
  readonly element: HTMLElement;
  readonly text: string;
  readonly selection: Range;
  /** The user may not change it just now. */
  readonly isLocked: boolean;
  /** The most UTF-16 units that it takes. */
  readonly limit: number;
  /** What goes between a text and another one below it. */
  readonly gap: string;
  select(range: Range): void;
  /** Gives it focus with the selection that it had. */
  focus(): void;
  /** Puts the text in the range's place as one step of the browser's undo history, with native input events. */
  write(range: Range, text: string): void;
  /** Has the browser take back the last `write`; false, and nothing done, where that is not certain to hit it alone. */
  takeBack(): boolean;
  /** What an input event tells about an edit before it is made: the data, and where it goes. */
  announcement(range: Range, text: string): InputEventInit;
  /** The selection of the page moved. */
  selectionMoved(): void;
}
