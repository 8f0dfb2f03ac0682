/**
 * The short lines around the work: what is worked on, how the writing stands, how much is left, and the notice.
 * Used by the panel's head and foot, and read out as status.
 * Pure: words in, words out.
 */
import { standingOf } from "./allowance.ts";
import type { Allowance, Budget, Catalogue } from "./catalogue.ts";
import { waitWords } from "./problem-view.ts";
import { originalOf, type Snapshot } from "./range.ts";
import type { Attempt } from "./run-controller.ts";
import type { Wording } from "./texts.ts";
import { countWords } from "./words.ts";

export function scopeLine(wording: Wording, origin: Snapshot, canPrompt = false): string {
  const text = originalOf(origin);
  if (text.trim() === "") return wording.say(canPrompt ? "scopeNew" : "scopeEmpty");
  const whole = text.length === origin.value.length;
  return wording.say(whole ? "scopeField" : "scopeSelection", { n: countWords(text) });
}

export function statusLine(wording: Wording, { state, text }: Attempt): string {
  const n = countWords(text);
  if (state === "writing") return wording.say("writing");
  if (state === "stopped")
    return n > 0 ? wording.say("stopped", { n }) : wording.say("stoppedEmpty");
  if (state === "failed") return n > 0 ? wording.say("failed", { n }) : "";
  return text === "" ? wording.say("nothing") : wording.say("done", { n });
}

/** What is left, and that it runs low where it does. */
export function allowanceLine(wording: Wording, allowance: Allowance): string {
  const line = within(wording, allowance);
  return standingOf(allowance) === "low" ? wording.say("low", { allowance: line }) : line;
}

/** How much of a day's or a month's budget is left. */
export function budgetLine(wording: Wording, { share, window }: Budget): string {
  const n = Math.floor(share * 100);
  return wording.say(window === "day" ? "budgetToday" : "budgetThisMonth", { n });
}

function within(wording: Wording, { remaining, limit, windowS }: Allowance): string {
  const words = wording.say("allowance", { n: remaining, limit });
  if (windowS === 60) return wording.say("perMinute", { allowance: words });
  if (windowS === 3600) return wording.say("perHour", { allowance: words });
  return windowS === 86_400 ? wording.say("perDay", { allowance: words }) : words;
}

/** That nothing is left, and when the next request is there; `waitS` is zero where nobody knows. */
export function usedUpLine(wording: Wording, waitS: number): string {
  return waitS > 0
    ? wording.say("usedUpUntil", { time: waitWords(wording, waitS) })
    : wording.say("usedUp");
}

/** The host's wording first, then the proxy's, then ours: it may be reworded, never lost. */
export function noticeLine(wording: Wording, catalogue: Catalogue | null): string {
  return wording.overrides("notice")
    ? wording.say("notice")
    : catalogue?.notice || wording.say("notice");
}
