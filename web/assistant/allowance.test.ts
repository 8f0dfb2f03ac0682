import { describe, expect, it } from "vitest";
import { noted, standingOf, waitOf } from "./allowance.ts";

const allowance = (remaining: number, limit = 20, resetS = 60) => ({
  limit,
  remaining,
  windowS: 60,
  resetS,
});

describe("an allowance", () => {
  it.each([
    [20, 20, "enough"],
    [4, 20, "enough"],
    [3, 20, "low"],
    [1, 20, "low"],
    [0, 20, "used-up"],
    [1, 5, "enough"],
    [0, 0, "used-up"],
  ] as const)("of %i of %i is %s", (remaining, limit, standing) => {
    expect(standingOf(allowance(remaining, limit))).toBe(standing);
  });

  it.each([
    [17, null, 0],
    [0, null, 3],
    [0, 24, 24],
  ])("noted with %i left and %j seconds to wait, waits %i", (remaining, retryAfterS, seconds) => {
    expect(waitOf(noted(allowance(20, 20, 9), remaining, retryAfterS))).toBe(seconds);
  });

  it.each([
    ["has requests left", allowance(1), 0],
    ["was just used up", allowance(0, 20, 60), 3],
    ["was used up a while ago", allowance(0, 20, 58), 1],
    ["gives one request a minute", allowance(0, 1, 42), 42],
    ["tells no reset", allowance(0, 20, 0), 1],
  ])("that %s waits %#", (_name, left, seconds) => {
    expect(waitOf(left)).toBe(seconds);
  });
});
