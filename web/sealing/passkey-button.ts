/**
 * A button that asks for a passkey, with the line that says what went wrong: one behaviour on every page of the vault.
 * It never keeps what a passkey gave.
 */
import { PasskeyError, type PasskeyReason } from "./passkeys.ts";
import { element } from "./view.ts";

export class PasskeyButton {
  readonly #button = element("passkey", HTMLButtonElement);
  readonly #problem = element("passkey-problem", HTMLElement);
  readonly #label = this.#button.textContent ?? "";
  readonly #words: Readonly<Record<PasskeyReason, string>>;
  #asking: AbortController | null = null;

  constructor(words: Readonly<Record<PasskeyReason, string>>, pressed: () => void) {
    this.#words = words;
    this.#button.addEventListener("click", () => {
      if (this.#button.getAttribute("aria-disabled") !== "true") pressed();
    });
  }

  /** Ask; gives null where nothing came, after saying why. A question that was withdrawn gives null in silence. */
  async ask<T>(asking: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    const controller = new AbortController();
    this.#asking = controller;
    this.wait("Waiting for the passkey…");
    try {
      return await asking(controller.signal);
    } catch (error) {
      if (controller.signal.aborted) return null;
      if (!(error instanceof PasskeyError)) throw error;
      this.complain(this.#words[error.reason]);
      return null;
    } finally {
      this.ready();
    }
  }

  /** Withdraw the question: the browser closes its dialog. */
  withdraw(): void {
    this.#asking?.abort();
    this.#asking = null;
    this.#problem.textContent = "";
  }

  complain(text: string): void {
    this.#problem.textContent = text;
    this.#button.focus();
  }

  /** Say what it waits for, and take no press. */
  wait(saying: string): void {
    this.#problem.textContent = "";
    this.#button.setAttribute("aria-disabled", "true");
    this.#button.textContent = saying;
  }

  ready(): void {
    this.#button.setAttribute("aria-disabled", "false");
    this.#button.textContent = this.#label;
  }
}
