/**
 * Puts a result into the field, or on the clipboard, and takes the last edit back.
 * Its counterparts are edits.ts (the edits themselves) and the browser's own undo, which works as well.
 * It never edits a field whose original text is gone: see `obstacles`.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import {
  type Applied,
  apply,
  type Edit,
  insertingBelow,
  type Obstacle,
  replacing,
  restoreSelectionOnUndo,
  revert,
} from "./edits.ts";
import type { Field } from "./field.ts";
import type { Snapshot } from "./range.ts";

export type Placing = "replace" | "insert";

export class EditController implements ReactiveController {
  #last: { readonly field: Field; readonly applied: Applied } | null = null;
  #watching: AbortController | null = null;

  constructor(host: ReactiveControllerHost) {
    host.addController(this);
  }

  hostDisconnected(): void {
    this.#watching?.abort();
    this.#last = null;
  }

  /** Whether the last edit can still be taken back from here. */
  get canUndo(): boolean {
    return this.#last !== null && this.#last.field.text === this.#last.applied.after;
  }

  obstacle(placing: Placing, field: Field | null, origin: Snapshot, text: string): Obstacle | null {
    const edit = field ? plan(placing, field, origin, text) : null;
    if (edit === null) return { kind: "stale" };
    return "kind" in edit ? edit : null;
  }

  /** False, and nothing done, when an obstacle stands or the page keeps the edit to itself: see `taken`. */
  apply(placing: Placing, field: Field, origin: Snapshot, text: string): boolean {
    const edit = plan(placing, field, origin, text);
    if ("kind" in edit) return false;
    // Where the text stands as it was, undo also gives back the selection from before the order.
    const selection = field.text === origin.value ? origin.selection : undefined;
    const applied = apply(field, edit, selection);
    if (applied) this.#keep(field, applied);
    return applied !== null;
  }

  /** Whether the page made the edit itself: editors that do so do it before the next frame. */
  async taken(field: Field, before: string): Promise<boolean> {
    await new Promise(requestAnimationFrame);
    return field.text !== before;
  }

  undo(): boolean {
    const last = this.#last;
    this.#last = null;
    return last !== null && revert(last.field, last.applied);
  }

  #keep(field: Field, applied: Applied): void {
    this.#last = { field, applied };
    this.#watching?.abort();
    this.#watching = new AbortController();
    restoreSelectionOnUndo(field, applied, this.#watching.signal);
  }
}

function plan(placing: Placing, field: Field, origin: Snapshot, text: string): Edit | Obstacle {
  return placing === "replace"
    ? replacing(field, origin, text)
    : insertingBelow(field, origin, text);
}
