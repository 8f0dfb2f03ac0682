/**
 * The first thing in the panel: what will be worked on, and the menu of actions.
 * Its counterpart is menu-controller.ts, which moves focus in it.
 * Drawing only: every decision is handed in.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Action } from "./catalogue.ts";
import { FORWARD } from "./icons.ts";
import type { Wording } from "./texts.ts";

export interface MenuView {
  readonly wording: Wording;
  readonly actions: readonly Action[] | null;
  /** Whether an action can begin: there is text, and there are requests left. */
  readonly canBegin: boolean;
  readonly canPrompt: boolean;
  readonly canUndo: boolean;
  readonly choose: (action: Action) => void;
  readonly undo: () => void;
  readonly keydown: (event: KeyboardEvent) => void;
}

export function menuView(view: MenuView): TemplateResult {
  const { wording, actions } = view;
  if (!actions) return html`<p class="quiet" part="empty">${wording.say("loading")}</p>`;
  if (actions.length === 0 && view.canPrompt) return html``;
  if (actions.length === 0) {
    return html`<p class="quiet" part="empty">${wording.say("noActions")}</p>`;
  }
  return html`
    <div role="menu" part="menu" aria-label=${wording.say("actions")} @keydown=${view.keydown}>
      ${actions.map((action, index) => item(view, action, index))}
      ${view.canUndo ? undoItem(view) : nothing}
    </div>
  `;
}

function item(view: MenuView, action: Action, index: number): TemplateResult {
  const { id, label, description, parameters } = action;
  return html`
    <button
      type="button"
      role="menuitem"
      part="menu-item"
      class="item"
      tabindex=${index === 0 ? 0 : -1}
      data-action=${id}
      aria-disabled=${view.canBegin ? nothing : "true"}
      @click=${() => view.canBegin && view.choose(action)}
    >
      <span class="words">
        <span part="menu-item-label">${label}</span>
        ${description ? html`<span class="quiet">${description}</span>` : nothing}
      </span>
      ${parameters.length > 0 ? FORWARD : nothing}
    </button>
  `;
}

function undoItem({ wording, undo }: MenuView): TemplateResult {
  return html`
    <button type="button" role="menuitem" part="undo" class="item rule" tabindex="-1" @click=${undo}>
      ${wording.say("undo")}
    </button>
  `;
}
