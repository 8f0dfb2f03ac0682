/**
 * The parameters of one action, as groups of choices with the usual one set, and the button that begins.
 * A plain form: Enter anywhere in it begins.
 * Drawing only: every decision is handed in.
 */
import { html, type TemplateResult } from "lit";
import type { Action, Parameter, Values } from "./catalogue.ts";

export interface OptionsView {
  readonly action: Action;
  readonly values: Values;
  readonly set: (parameter: string, value: string) => void;
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
        <button type="submit" part="button primary-button begin" class="primary">
          ${view.action.label}
        </button>
      </div>
    </form>
  `;
}

function group({ values, set }: OptionsView, parameter: Parameter): TemplateResult {
  return html`
    <fieldset part="parameter">
      <legend>${parameter.label}</legend>
      ${parameter.choices.map(
        ({ value, label }) => html`
          <label class="choice" part="choice">
            <input
              type="radio"
              name=${parameter.id}
              value=${value}
              .checked=${values[parameter.id] === value}
              @change=${() => set(parameter.id, value)}
            />
            <span>${label}</span>
          </label>
        `,
      )}
    </fieldset>
  `;
}
