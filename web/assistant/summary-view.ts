/**
 * The short lines around the work: what is worked on, how the writing stands, how much is left, and the notice.
 * Used by the panel's head and foot, and read out as status.
 * Pure: words in, words out.
 */
import type { Allowance, Catalogue } from "./catalogue.ts";
import { originalOf, type Snapshot } from "./range.ts";
import type { Attempt } from "./run-controller.ts";
import type { Wording } from "./texts.ts";
import { countWords } from "./words.ts";

export function scopeLine(wording: Wording, origin: Snapshot): string {
  const text = originalOf(origin);
  if (text.trim() === "") return wording.say("scopeEmpty");
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

export function allowanceLine(wording: Wording, allowance: Allowance): string {
  const { remaining, limit, windowS } = allowance;
  const words = wording.say("allowance", { n: remaining, limit });
  if (windowS === 60) return wording.say("perMinute", { allowance: words });
  if (windowS === 3600) return wording.say("perHour", { allowance: words });
  return windowS === 86_400 ? wording.say("perDay", { allowance: words }) : words;
}

/** The host's wording first, then the proxy's, then ours: it may be reworded, never lost. */
export function noticeLine(wording: Wording, catalogue: Catalogue | null): string {
  return wording.overrides("notice")
    ? wording.say("notice")
    : catalogue?.notice || wording.say("notice");
}
