/**
 * The parameters of one action, as groups of choices with the usual one set, and the button that begins.
 * A plain form: Enter anywhere in it begins. Long lists scroll, and have a box to find a choice by typing.
 * Drawing only: every decision is handed in.
 */
import { html, nothing, type TemplateResult } from "lit";
import { type Action, type Choice, localName, type Parameter, type Values } from "./catalogue.ts";
import { isLong, matching } from "./choices.ts";
import { startingWith } from "./menu-controller.ts";
import { isComposing } from "./shortcut.ts";
import type { Wording } from "./texts.ts";

export interface OptionsView {
  readonly wording: Wording;
  readonly action: Action;
  readonly values: Values;
  /** What was typed to find a choice, by parameter id. */
  readonly queries: Values;
  readonly canBegin: boolean;
  readonly set: (parameter: string, value: string) => void;
  readonly find: (parameter: Parameter, query: string) => void;
  readonly begin: () => void;
}

export function optionsView(view: OptionsView): TemplateResult {
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    view.begin();
  };
  return html`
    <form part="options" @submit=${submit}>
      ${view.action.parameters.map((parameter) => group(view, parameter))}
      <div class="buttons">
        <button
          type="submit"
          part="button primary-button begin"
          class="primary"
          ?disabled=${!view.canBegin}
        >
          ${view.action.label}
        </button>
      </div>
    </form>
  `;
}

function group(view: OptionsView, parameter: Parameter): TemplateResult {
  const { wording, queries } = view;
  const shown = matching(parameter, queries[parameter.id] ?? "", wording.locale);
  return html`
    <fieldset part="parameter" @keydown=${jump}>
      <legend>${parameter.label}</legend>
      ${isLong(parameter) ? finder(view, parameter) : nothing}
      <div class=${isLong(parameter) ? "choices long" : "choices"}>
        ${shown.map((choice) => option(view, parameter, choice))}
        ${shown.length === 0 ? html`<p class="quiet">${wording.say("noMatch")}</p>` : nothing}
      </div>
    </fieldset>
  `;
}

function finder({ wording, queries, find }: OptionsView, parameter: Parameter): TemplateResult {
  return html`
    <input
      type="text"
      class="box"
      part="find"
      aria-label="${wording.say("find")}: ${parameter.label}"
      placeholder=${wording.say("find")}
      autocomplete="off"
      spellcheck="false"
      .value=${queries[parameter.id] ?? ""}
      @input=${(event: Event) => find(parameter, (event.target as HTMLInputElement).value)}
      @keydown=${intoChoices}
    />
  `;
}

/** Languages by their own names, for whoever looks for theirs, with the reader's name for the others. */
function option(
  { wording, values, set }: OptionsView,
  parameter: Parameter,
  choice: Choice,
): TemplateResult {
  const { value, label } = choice;
  const local = localName(parameter, choice, wording.locale);
  return html`
    <label class="choice" part="choice">
      <input
        type="radio"
        name=${parameter.id}
        value=${value}
        .checked=${values[parameter.id] === value}
        @change=${() => set(parameter.id, value)}
      />
      <span lang=${local ? value : nothing}>${label}</span>
      ${local ? html`<span class="quiet">${local}</span>` : nothing}
    </label>
  `;
}

/** The arrow down leads from the box into the list. */
function intoChoices(event: KeyboardEvent): void {
  if (event.key !== "ArrowDown" || isComposing(event)) return;
  event.preventDefault();
  const group = (event.target as HTMLElement).closest("fieldset");
  const radio =
    group?.querySelector<HTMLElement>("input:checked") ?? group?.querySelector("label input");
  radio?.focus();
}

/** A letter on a choice goes to the next choice that begins with it, as in a native list. */
function jump(event: KeyboardEvent): void {
  const { target, key, currentTarget } = event;
  const isLetter =
    key.length === 1 && key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  const isChoice = target instanceof HTMLInputElement && target.type === "radio";
  if (!isLetter || !isChoice || isComposing(event)) return;
  const labels = [...(currentTarget as HTMLElement).querySelectorAll<HTMLElement>("label")];
  const next = startingWith(key, labels, labels.indexOf(target.closest("label") as HTMLElement));
  const radio = next?.querySelector("input");
  event.preventDefault();
  radio?.focus();
  radio?.click();
}
