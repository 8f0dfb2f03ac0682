/**
 * An error as its reader needs it: who can fix it, what happened, what to do, and when another try makes sense.
 * Its counterparts are problem.ts and problem-words.ts, which has the words.
 * Drawing only; it shows no status codes and no stack.
 */
import { html, nothing, type TemplateResult } from "lit";
import type { Fixer, Problem } from "./problem.ts";
import { problemWords } from "./problem-words.ts";
import type { TextKey, Wording } from "./texts.ts";

export interface ProblemView {
  readonly wording: Wording;
  readonly problem: Problem;
  /** Seconds until another try makes sense. */
  readonly waitS: number;
  /** Null where another button already offers it. */
  readonly retry: (() => void) | null;
}

const WHO: Readonly<Record<Fixer, TextKey>> = {
  user: "whoUser",
  time: "whoTime",
  administrator: "whoAdministrator",
};

export function problemView({ wording, problem, waitS, retry }: ProblemView): TemplateResult {
  const { message, hint } = problemWords(wording, problem);
  return html`
    <div part="problem" class="problem" tabindex="-1" data-who=${problem.who} data-code=${problem.code}>
      <p class="who" part="problem-who">${wording.say(WHO[problem.who])}</p>
      <p part="problem-message">${message}</p>
      ${hint ? html`<p class="quiet" part="problem-hint">${hint}</p>` : nothing}
      ${reference(wording, problem)}
      ${problem.canRetry && retry ? retryButton(wording, waitS, retry) : nothing}
    </div>
  `;
}

/** What the button for another try says: now, or how long from now. */
export function retryWords(wording: Wording, waitS: number): string {
  return waitS > 0
    ? wording.say("retryIn", { time: waitWords(wording, waitS) })
    : wording.say("again");
}

/** Digits and words for a wait: seconds up to a minute and a half, minutes above. */
const MINUTE_S = 60;
const HOUR_S = 3600;
const DAY_S = 86_400;

export function waitWords(wording: Wording, seconds: number): string {
  if (seconds <= 90) return wording.say("seconds", { n: seconds });
  if (seconds <= 90 * MINUTE_S) return wording.say("minutes", { n: Math.ceil(seconds / MINUTE_S) });
  return seconds <= 2 * DAY_S
    ? wording.say("hours", { n: Math.ceil(seconds / HOUR_S) })
    : wording.say("days", { n: Math.ceil(seconds / DAY_S) });
}

function retryButton(wording: Wording, waitS: number, retry: () => void): TemplateResult {
  return html`
    <div class="buttons">
      <button type="button" part="button retry" ?disabled=${waitS > 0} @click=${retry}>
        ${retryWords(wording, waitS)}
      </button>
    </div>
  `;
}

/** Only administrators can do something with it, so only their problems show it. */
function reference(
  wording: Wording,
  { who, code, requestId }: Problem,
): TemplateResult | typeof nothing {
  if (who !== "administrator") return nothing;
  return html`<p class="quiet" part="problem-reference">
    ${wording.say("reference")}: <code>${requestId ? `${code} ${requestId}` : code}</code>
  </p>`;
}
