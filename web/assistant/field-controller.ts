/**
 * Finds the field that the assistant belongs to and listens to it: shortcut, interest, edits, selection.
 * The field is given as an element (`target`) or by the id in `for`, looked up in the same document or shadow root.
 * It never changes the field: edits are edits.ts's work.
 */
import type { ReactiveController, ReactiveControllerHost } from "lit";
import { EditableField, isEditable } from "./editable-field.ts";
import type { Field } from "./field.ts";
import { isTextField, NativeField } from "./native-field.ts";

export interface FieldListener {
  /** The user is in the field: a good moment to find out what may be done. */
  interest(): void;
  keydown(event: KeyboardEvent): void;
  /** Text or selection changed. */
  changed(): void;
}

export class FieldController implements ReactiveController {
  field: Field | null = null;

  readonly #host: ReactiveControllerHost & HTMLElement;
  readonly #listener: FieldListener;
  #target: HTMLElement | null = null;
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

  use(target: HTMLElement | null, id: string): void {
    this.#target = target;
    this.#id = id;
    this.find();
  }

  /** Looks again, since pages replace their fields; returns the field in hand. */
  find(): Field | null {
    if (!this.#host.isConnected) return null;
    const found = this.#target ?? this.#byId();
    if (!found || found !== this.field?.element) this.#attach(fieldOf(found));
    return this.field;
  }

  #byId(): Element | null {
    const root = this.#host.getRootNode() as Document | ShadowRoot;
    return this.#id ? root.getElementById(this.#id) : null;
  }

  #attach(field: Field | null): void {
    this.#listening?.abort();
    this.field = field;
    if (!field) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    const { element } = field;
    const changed = () => this.#listener.changed();
    const selected = () => {
      field.selectionMoved();
      changed();
    };
    element.addEventListener("keydown", (event) => this.#listener.keydown(event), { signal });
    element.addEventListener("focus", () => this.#listener.interest(), { signal });
    element.addEventListener("input", changed, { signal });
    element.addEventListener("select", changed, { signal });
    element.ownerDocument.addEventListener("selectionchange", selected, { signal });
    this.#host.requestUpdate();
  }
}

function fieldOf(element: Element | null): Field | null {
  if (isTextField(element)) return new NativeField(element);
  return isEditable(element) ? new EditableField(element) : null;
}
