/**
 * What was written and what can be done with it: the text as it streams, then result, changes or both side by side.
 * Its counterparts are run-controller.ts (the attempt) and text-field.ts (whether it can be applied).
 * Drawing only. Generated text is always a text node, never markup.
 */
import { html, nothing, type TemplateResult } from "lit";
import { BACK, FORWARD } from "./icons.ts";
import { retryWords } from "./problem-view.ts";
import type { Attempt } from "./run-controller.ts";
import type { Obstacle } from "./text-field.ts";
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
    <div class="bar">
      <p part="status-line" class="status" ?data-writing=${writing}>${statusLine}</p>
      ${hasText && !writing ? modes(view) : nothing}
    </div>
    ${hasText ? body(view) : nothing} ${remark(view)} ${view.problem}
    ${writing ? stopButton(view) : actions(view)}
  `;
}

function body(view: ResultView): TemplateResult {
  const { wording, attempt, mode, original, pieces } = view;
  if (attempt.state === "writing" || mode === "result") {
    return passage(wording.say("result"), "result", attempt.text);
  }
  if (mode === "changes" && pieces) {
    return passage(wording.say("changes"), "changes", pieces.map(piece));
  }
  return html`
    <div class="columns" part="compare">
      <div><h3>${wording.say("original")}</h3>${passage(wording.say("original"), "original", original)}</div>
      <div><h3>${wording.say("result")}</h3>${passage(wording.say("result"), "result", attempt.text)}</div>
    </div>
  `;
}

/** Focusable, so that a long text can be scrolled with the keyboard; no live region, so that pieces are not read out. */
function passage(name: string, part: string, text: unknown): TemplateResult {
  // prettier-ignore
  return html`<div class="passage" part="passage ${part}" role="group" aria-label=${name} tabindex="0" dir="auto">${text}</div>`;
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
  if (attempt.text === "") {
    return html`
      <div class="buttons" part="buttons">
        ${againButton(view)} ${button("back", wording.say("back"), act.back)}
      </div>
    `;
  }
  return html`
    <div class="buttons" part="buttons">
      ${button("replace", wording.say("replace"), act.replace, obstacles.replace, true)}
      ${button("insert", wording.say("insert"), act.insert, obstacles.insert)}
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

function versions({ wording, position, show }: ResultView): TemplateResult | typeof nothing {
  const { n, total } = position;
  if (total < 2) return nothing;
  const step = (offset: -1 | 1, name: TextKey, icon: TemplateResult) => html`
    <button
      type="button"
      class="icon"
      part="button ${offset < 0 ? "previous-version" : "next-version"}"
      aria-label=${wording.say(name)}
      ?disabled=${offset < 0 ? n === 1 : n === total}
      @click=${() => show(offset)}
    >${icon}</button>
  `;
  return html`
    <span class="versions" part="versions">
      ${step(-1, "previousVersion", BACK)}
      <span>${wording.say("version", { n, total })}</span>
      ${step(1, "nextVersion", FORWARD)}
    </span>
  `;
}
