/**
 * What was written and what can be done with it: the text as it streams, then result, changes or both side by side.
 * Its counterparts are run-controller.ts (the attempt) and edits.ts (whether it can be applied).
 * Drawing only. Generated text is always a text node, never markup.
 */
import { html, nothing, type TemplateResult } from "lit";
import { languageOf } from "./catalogue.ts";
import type { Obstacle } from "./edits.ts";
import { BACK, FORWARD } from "./icons.ts";
import { retryWords } from "./problem-view.ts";
import type { Attempt } from "./run-controller.ts";
import type { TextKey, Wording } from "./texts.ts";
import type { Piece } from "./words.ts";

export type ResultMode = "result" | "changes" | "compare";

export interface ResultView {
  readonly wording: Wording;
  readonly attempt: Attempt;
  readonly statusLine: string;
  readonly original: string;
  readonly mode: ResultMode;
  /** Null where the texts are too long to compare by words. */
  readonly pieces: readonly Piece[] | null;
  readonly position: { readonly n: number; readonly total: number };
  readonly obstacles: { readonly replace: Obstacle | null; readonly insert: Obstacle | null };
  readonly problem: TemplateResult | typeof nothing;
  /** The box for a follow-up, where there may be one. */
  readonly followUp: TemplateResult | typeof nothing;
  /** Seconds until another try makes sense. */
  readonly waitS: number;
  readonly show: (offset: -1 | 1) => void;
  readonly act: ResultActions;
}

export interface ResultActions {
  readonly setMode: (mode: ResultMode) => void;
  readonly stop: () => void;
  readonly replace: () => void;
  readonly insert: () => void;
  readonly copy: () => void;
  readonly again: () => void;
  readonly back: () => void;
  readonly discard: () => void;
}

export function resultView(view: ResultView): TemplateResult {
  const { attempt, statusLine } = view;
  const writing = attempt.state === "writing";
  const hasText = attempt.text !== "";
  return html`
    ${asked(view)}
    <div class="bar">
      <p part="status-line" class="status" ?data-writing=${writing}>${statusLine}</p>
      ${hasText && !writing && !isNew(view) ? modes(view) : nothing}
    </div>
    ${hasText ? body(view) : nothing} ${remark(view)} ${view.problem}
    ${hasText && !writing ? view.followUp : nothing}
    ${writing ? stopButton(view) : actions(view)}
  `;
}

/** The user's own words that this version answers. */
function asked({ wording, attempt }: ResultView): TemplateResult | typeof nothing {
  const { task } = attempt.order;
  if (task.kind !== "prompt") return nothing;
  return html`<p part="asked" class="asked"><span>${wording.say("asked")}: </span>${task.prompt}</p>`;
}

/** The language that the action was asked to write in: screen readers pronounce it, browsers hyphenate it. */
function language({ order: { task } }: Attempt): string | null {
  return task.kind === "action" ? languageOf(task.action, task.values) : null;
}

/** Whether there was no text before: then nothing can be compared, and nothing is replaced. */
function isNew({ original }: ResultView): boolean {
  return original.trim() === "";
}

function body(view: ResultView): TemplateResult {
  const { wording, attempt, mode, original, pieces } = view;
  if (attempt.state === "writing" || mode === "result" || isNew(view)) {
    return passage(wording.say("result"), "result", attempt.text, language(attempt));
  }
  if (mode === "changes" && pieces) {
    return passage(wording.say("changes"), "changes", pieces.map(piece));
  }
  return html`
    <div class="columns" part="compare">
      <div><h3>${wording.say("original")}</h3>${passage(wording.say("original"), "original", original)}</div>
      <div><h3>${wording.say("result")}</h3>${passage(wording.say("result"), "result", attempt.text, language(attempt))}</div>
    </div>
  `;
}

/** Focusable, so that a long text can be scrolled with the keyboard; no live region, so that pieces are not read out. */
function passage(
  name: string,
  part: string,
  text: unknown,
  lang: string | null = null,
): TemplateResult {
  // prettier-ignore
  return html`<div class="passage" part="passage ${part}" role="group" aria-label=${name} tabindex="0" lang=${lang ?? nothing} dir="auto">${text}</div>`;
}

function piece({ kind, text }: Piece): TemplateResult | string {
  if (kind === "added") return html`<ins part="added">${text}</ins>`;
  return kind === "removed" ? html`<del part="removed">${text}</del>` : text;
}

function modes({ wording, mode, pieces, act }: ResultView): TemplateResult {
  const offered: readonly ResultMode[] = pieces
    ? ["result", "changes", "compare"]
    : ["result", "compare"];
  return html`
    <div role="radiogroup" part="modes" class="modes" aria-label=${wording.say("view")}>
      ${offered.map(
        (each) => html`
          <label part="mode">
            <input
              type="radio"
              name="mode"
              .checked=${each === mode}
              @change=${() => act.setMode(each)}
            /><span>${wording.say(each)}</span>
          </label>
        `,
      )}
    </div>
  `;
}

/** What is worth knowing before the text is used. */
function remark({ wording, attempt, obstacles }: ResultView): TemplateResult | typeof nothing {
  const remarks: string[] = [];
  if (attempt.state === "done" && attempt.finishReason === "length") {
    remarks.push(wording.say("cutByLength"));
  }
  if (attempt.state === "done" && attempt.finishReason === "content_filter") {
    remarks.push(wording.say("cutByFilter"));
  }
  if (attempt.state !== "writing" && attempt.text && obstacles.replace) {
    remarks.push(obstacleWords(wording, obstacles.replace));
  }
  if (remarks.length === 0) return nothing;
  return html`<p part="remark" id="remark" class="remark">${remarks.join(" ")}</p>`;
}

function obstacleWords(wording: Wording, obstacle: Obstacle): string {
  return obstacle.kind === "tooLong"
    ? wording.say("tooLong", { n: obstacle.by })
    : wording.say(obstacle.kind);
}

function stopButton({ wording, act }: ResultView): TemplateResult {
  return html`
    <div class="buttons" part="buttons">
      ${button("stop", wording.say("stop"), act.stop)}
    </div>
  `;
}

/** Using the text comes first; another try and letting go stand below it. */
function actions(view: ResultView): TemplateResult {
  const { wording, attempt, obstacles, act } = view;
  const fresh = isNew(view);
  if (attempt.text === "") {
    return html`
      <div class="buttons" part="buttons">
        ${againButton(view)} ${button("back", wording.say("back"), act.back)}
      </div>
    `;
  }
  return html`
    <div class="buttons" part="buttons">
      ${button("replace", wording.say(fresh ? "insertNew" : "replace"), act.replace, obstacles.replace, true)}
      ${fresh ? nothing : button("insert", wording.say("insert"), act.insert, obstacles.insert)}
      ${button("copy", wording.say("copy"), act.copy)}
      <div class="more">
        ${againButton(view)} ${versions(view)}
        ${button("discard", wording.say("discard"), act.discard)}
      </div>
    </div>
  `;
}

function againButton({
  wording,
  attempt,
  waitS,
  act,
}: ResultView): TemplateResult | typeof nothing {
  if (attempt.problem && !attempt.problem.canRetry) return nothing;
  return button("again", retryWords(wording, waitS), act.again, waitS > 0);
}

function button(
  part: string,
  words: string,
  press: () => void,
  blocked: Obstacle | boolean | null = null,
  primary = false,
): TemplateResult {
  return html`
    <button
      type="button"
      part=${primary ? `button primary-button ${part}` : `button ${part}`}
      class=${primary ? "primary" : nothing}
      ?disabled=${blocked}
      aria-describedby=${blocked && blocked !== true ? "remark" : nothing}
      @click=${press}
    >
      ${words}
    </button>
  `;
}

/** A button at its end is not disabled, since that would take focus from under the user's finger. */
function versions({ wording, position, show }: ResultView): TemplateResult | typeof nothing {
  const { n, total } = position;
  if (total < 2) return nothing;
  const step = (offset: -1 | 1, name: TextKey, icon: TemplateResult) => html`
    <button
      type="button"
      class="icon"
      part="button ${offset < 0 ? "previous-version" : "next-version"}"
      aria-label=${wording.say(name)}
      aria-disabled=${(offset < 0 ? n === 1 : n === total) ? "true" : nothing}
      @click=${() => show(offset)}
    >${icon}</button>
  `;
  return html`
    <span class="versions" part="versions">
      ${step(-1, "previousVersion", BACK)}
      <span part="version">${wording.say("version", { n, total })}</span>
      ${step(1, "nextVersion", FORWARD)}
    </span>
  `;
}
