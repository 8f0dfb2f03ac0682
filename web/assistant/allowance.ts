/**
 * How far an allowance reaches: enough, running low, or used up, and when the next request fits.
 * Its counterpart is the proxy's limits, which give requests back one by one (GCRA), not all at once.
 * Pure: numbers in, numbers out.
 */
import type { Allowance } from "./catalogue.ts";

export type Standing = "enough" | "low" | "used-up";

/** Below this share of the limit, the user is told that it runs low. */
const LOW = 0.2;

export function standingOf({ limit, remaining }: Allowance): Standing {
  if (remaining <= 0) return "used-up";
  return remaining / limit < LOW ? "low" : "enough";
}

/** Seconds until the next request fits into a used-up allowance; zero while there is some left. */
export function waitOf({ limit, remaining, windowS, resetS }: Allowance): number {
  if (remaining > 0) return 0;
  // `resetS` is when all of the window is back; the first request is back when one share of it is.
  const oneBackS = limit > 0 ? resetS - windowS + windowS / limit : resetS;
  return Math.max(1, Math.ceil(oneBackS));
}

/** The allowance after an answer's word on what is left; `retryAfterS` where the answer said when the next one fits. */
export function noted(
  allowance: Allowance,
  remaining: number,
  retryAfterS: number | null,
): Allowance {
  if (remaining > 0) return { ...allowance, remaining };
  const { windowS, limit } = allowance;
  const share = limit > 0 ? windowS / limit : windowS;
  return { ...allowance, remaining: 0, resetS: windowS - share + (retryAfterS ?? share) };
}
