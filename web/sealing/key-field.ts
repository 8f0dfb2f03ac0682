/**
 * The field that the key is typed into: show and hide, what is wrong with it, and taking the key out.
 * The key leaves it as bytes, once, and the field is empty from that moment on. Nothing here is ever stored or logged.
 */
import { checkCharacters, checkProviderKey } from "../shared/envelope.ts";
import { adviceOn } from "./advice.ts";
import { element } from "./view.ts";

export class KeyField {
  readonly #input = element("key", HTMLInputElement);
  readonly #reveal = element("reveal", HTMLButtonElement);
  readonly #revealText = element("reveal-text", HTMLElement);
  readonly #problem = element("key-problem", HTMLElement);
  readonly #submit = element("seal", HTMLButtonElement);
  #advised = false;

  constructor() {
    this.#reveal.addEventListener("click", () => this.#show(this.#input.type === "password"));
    this.#input.addEventListener("input", () => this.#settle());
    this.#input.addEventListener("paste", (event) => this.#admit(event, event.clipboardData));
    this.#input.addEventListener("drop", (event) => this.#admit(event, event.dataTransfer));
  }

  /** Take the key out and clear the field; null, with a word about it on the page, where it cannot be sealed as it is. */
  take(provider: string): Uint8Array | null {
    const bytes = new TextEncoder().encode(this.#input.value);
    try {
      checkProviderKey(bytes);
    } catch (error) {
      bytes.fill(0);
      this.complain(error);
      return null;
    }
    const advice = this.#advised ? null : adviceOn(provider, this.#input.value);
    if (advice !== null) {
      bytes.fill(0);
      this.#advise(advice);
      return null;
    }
    this.clear();
    return bytes;
  }

  /** Forget the key, and hide what is typed next. */
  clear(): void {
    this.#input.value = "";
    this.#show(false);
    this.#settle();
  }

  /** Lock the field while its key is on its way. */
  lock(locked: boolean): void {
    this.#input.readOnly = locked;
    this.#submit.setAttribute("aria-disabled", String(locked));
    this.#submit.textContent = locked ? "Sealing…" : "Seal key";
  }

  focus(): void {
    this.#input.focus();
  }

  /** Say what is wrong with the key; anything but a problem with a hint is rethrown. */
  complain(error: unknown): void {
    if (!(error instanceof Error && "hint" in error)) throw error;
    this.#say("problem", `${error.message} ${error.hint}`);
    this.#input.setAttribute("aria-invalid", "true");
    this.focus();
  }

  #advise(advice: string): void {
    this.#say("advice", advice);
    this.#advised = true;
    this.#submit.textContent = "Seal it anyway";
    this.focus();
  }

  /** A one-line field drops line breaks without a word, so pasted and dropped text is looked at before it goes in. */
  #admit(event: Event, transfer: DataTransfer | null): void {
    try {
      checkCharacters(new TextEncoder().encode(transfer?.getData("text/plain") ?? ""));
    } catch (error) {
      event.preventDefault();
      this.complain(error);
    }
  }

  /** What was said is about a text that is no longer there. */
  #settle(): void {
    this.#problem.textContent = "";
    this.#input.removeAttribute("aria-invalid");
    this.#advised = false;
    this.#submit.textContent = "Seal key";
  }

  #say(kind: "problem" | "advice", text: string): void {
    this.#problem.dataset.kind = kind;
    this.#problem.textContent = text;
  }

  #show(shown: boolean): void {
    this.#input.type = shown ? "text" : "password";
    this.#revealText.textContent = shown ? "Hide" : "Show";
  }
}
