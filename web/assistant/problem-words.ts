/**
 * The words of an error for whoever sits in front of the page: what happened to them, and what they can do.
 * Its counterpart is the proxy's error table (docs/reference/errors.md), whose own words are for developers.
 * Those are never shown; they are in the `sealgate-error` event, and the code stands beside the reference.
 */
import type { Problem } from "./problem.ts";
import type { Wording } from "./texts.ts";

/** Codes that mean the same to an end user, by the words in texts.ts that they share. */
const KIN: Readonly<Record<string, readonly string[]>> = {
  session_expired: ["invalid_session", "session_missing"],
  text_too_long: ["body_too_large", "request_over_budget"],
  rate_limited: ["budget_rate_limited"],
  provider_rate_limited: ["too_busy"],
  interrupted: ["provider_truncated", "stopped"],
  application_inactive: ["credential_missing", "credential_revoked", "revoked", "paused"],
};

const SHARED: ReadonlyMap<string, string> = new Map(
  Object.entries(KIN).flatMap(([words, codes]) => codes.map((code) => [code, words])),
);

/** The host's words for the code, else ours for it or for its kin, else ours for whoever can fix it. */
export function problemWords(wording: Wording, { code, who }: Problem) {
  const say = (kind: "error" | "hint") =>
    wording.ofProblem(kind, code) ??
    wording.ofProblem(kind, SHARED.get(code) ?? "") ??
    wording.ofProblem(kind, who) ??
    "";
  return { message: say("error"), hint: say("hint") };
}
