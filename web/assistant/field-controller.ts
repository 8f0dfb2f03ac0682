/**
 * Finds the text field that the assistant belongs to and listens to it: shortcut, interest, edits, selection.
 * The field is given as an element (`target`) or by the id in `for`, looked up in the same document or shadow root.
 * It never changes the field: edits are text-field.ts's work.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { isTextField, type TextField } from "./text-field.ts";

export interface FieldListener {
  /** The user is in the field: a good moment to find out what may be done. */
  interest(): void;
  keydown(event: KeyboardEvent): void;
  /** Text or selection changed. */
  changed(): void;
}

export class FieldController implements ReactiveController {
  field: TextField | null = null;

  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #listener: FieldListener;
  #target: TextField | null = null;
  #id = "";
  #listening: AbortController | null = null;

  constructor(host: ReactiveControllerHost & HTMLElement, listener: FieldListener) {
    this.#host = host;
    this.#listener = listener;
    host.addController(this);
  }

  hostConnected(): void {
    // Frameworks insert in any order: the field may come right after its assistant.
    queueMicrotask(() => this.find());
  }

  hostDisconnected(): void {
    this.#attach(null);
  }

  use(target: TextField | null, id: string): void {
    this.#target = target;
    this.#id = id;
    this.find();
  }

  /** Looks again, since pages replace their fields; returns the field in hand. */
  find(): TextField | null {
    if (!this.#host.isConnected) return null;
    const found = this.#target ?? this.#byId();
    const field = isTextField(found) ? found : null;
    if (field !== this.field) this.#attach(field);
    return field;
  }

  #byId(): Element | null {
    const root = this.#host.getRootNode() as Document | ShadowRoot;
    return this.#id ? root.getElementById(this.#id) : null;
  }

  #attach(field: TextField | null): void {
    this.#listening?.abort();
    this.field = field;
    if (!field) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const changed = () => this.#listener.changed();
    field.addEventListener("keydown", (event) => this.#listener.keydown(event as KeyboardEvent), {
      signal,
    });
    field.addEventListener("focus", () => this.#listener.interest(), { signal });
    field.addEventListener("input", changed, { signal });
    field.addEventListener("select", changed, { signal });
    field.ownerDocument.addEventListener("selectionchange", changed, { signal });
    this.#host.requestUpdate();
  }
}
