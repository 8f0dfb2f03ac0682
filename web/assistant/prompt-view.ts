/**
 * The box in which the user says in their own words what is to be written, or what should be different.
 * Enter sends, Shift+Enter makes a new line; keys that an input method composes with do neither.
 * Drawing only: every decision is handed in.
 */
import { html, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { PROMPT_LIMIT } from "./conversation.ts";
import { SEND } from "./icons.ts";
import { isComposing } from "./shortcut.ts";

export interface PromptView {
  readonly part: "prompt" | "follow-up";
  readonly label: string;
  readonly sendLabel: string;
  readonly text: string;
  readonly canSend: boolean;
  readonly write: (text: string) => void;
  readonly send: () => void;
  /** Arrow down at the end of the text: on to what follows. */
  readonly leave: () => void;
}

export function promptView(view: PromptView): TemplateResult {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    view.send();
  };
  const ready = view.canSend && view.text.trim() !== "";
  return html`
    <form part=${view.part} class="ask" @submit=${submit}>
      <textarea
        class="box"
        part="prompt-box"
        rows="1"
        maxlength=${PROMPT_LIMIT}
        aria-label=${view.label}
        placeholder=${view.label}
        enterkeyhint="send"
        .value=${live(view.text)}
        @input=${(event: Event) => view.write((event.target as HTMLTextAreaElement).value)}
        @keydown=${(event: KeyboardEvent) => keydown(event, view)}
      ></textarea>
      <button
        type="submit"
        part="button send"
        class="icon send"
        aria-label=${view.sendLabel}
        ?disabled=${!ready}
      >${SEND}</button>
    </form>
  `;
}

function keydown(event: KeyboardEvent, { send, leave }: PromptView): void {
  if (isComposing(event)) return;
  const box = event.target as HTMLTextAreaElement;
  if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send();
  } else if (event.key === "ArrowDown" && box.selectionStart === box.value.length) {
    event.preventDefault();
    leave();
  }
}
