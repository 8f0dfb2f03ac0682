/**
 * The panel's head (what is being done, back, close) and foot (the notice, and how much is left).
 * The notice is on every view: generated text is never shown without it.
 * Drawing only: every decision is handed in.
 */
import { html, nothing, type TemplateResult } from "lit";
import { standingOf } from "./allowance.ts";
import type { Action, Catalogue, Values } from "./catalogue.ts";
import { BACK, CLOSE } from "./icons.ts";
import { allowanceLine, budgetLine, noticeLine, usedUpLine } from "./summary-view.ts";
import type { Wording } from "./texts.ts";

export interface HeaderView {
  readonly wording: Wording;
  readonly view: "menu" | "options" | "result";
  readonly action: Action | null;
  readonly values: Values;
  readonly back: () => void;
  readonly startOver: () => void;
  readonly close: () => void;
}

export function headerView(shown: HeaderView): TemplateResult {
  const { wording, view, action } = shown;
  const nested = view === "options";
  return html`
    <div part="header" class=${nested ? "header nested" : "header"}>
      ${nested ? iconButton("back", wording.say("back"), BACK, shown.back) : nothing}
      <h2 part="title" id="title">
        ${action?.label ?? wording.say("panel")} ${view === "result" ? chosen(shown) : nothing}
      </h2>
      ${view === "result" ? startOverButton(shown) : nothing}
      ${iconButton("close", wording.say("close"), CLOSE, shown.close)}
    </div>
  `;
}

export interface FooterView {
  readonly wording: Wording;
  readonly catalogue: Catalogue | null;
  /** Whether an error above says already that nothing is left. */
  readonly isTold: boolean;
  readonly waitS: number;
}

export function footerView({ wording, catalogue, isTold, waitS }: FooterView): TemplateResult {
  const allowance = catalogue?.allowance;
  const budget = catalogue?.budget;
  const standing = allowance ? standingOf(allowance) : "enough";
  return html`
    ${
      standing === "used-up" && !isTold
        ? html`<p part="used-up" class="used-up">${usedUpLine(wording, waitS)}</p>`
        : nothing
    }
    <div part="footer" class="footer">
      <p part="notice">${noticeLine(wording, catalogue)}</p>
      ${
        allowance
          ? html`<p part="allowance" data-standing=${standing}>${allowanceLine(wording, allowance)}</p>`
          : nothing
      }
      ${budget ? html`<p part="budget">${budgetLine(wording, budget)}</p>` : nothing}
    </div>
  `;
}

function chosen({ action, values }: HeaderView): TemplateResult | typeof nothing {
  if (!action || action.parameters.length === 0) return nothing;
  const labels = action.parameters.map(
    ({ id, choices }) => choices.find(({ value }) => value === values[id])?.label ?? "",
  );
  return html`<span class="quiet">${labels.join(", ")}</span>`;
}

function startOverButton({ wording, startOver }: HeaderView): TemplateResult {
  return html`
    <button type="button" class="plain" part="button start-over" @click=${startOver}>
      ${wording.say("startOver")}
    </button>
  `;
}

function iconButton(part: string, name: string, icon: TemplateResult, press: () => void) {
  return html`
    <button type="button" class="icon" part=${part} aria-label=${name} @click=${press}>${icon}</button>
  `;
}
