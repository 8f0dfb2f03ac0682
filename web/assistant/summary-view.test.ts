import { describe, expect, it } from "vitest";
import { waitWords } from "./problem-view.ts";
import { budgetLine } from "./summary-view.ts";
import { Wording } from "./texts.ts";

describe("the lines around the work", () => {
  it.each([
    [0.429, "day", "42% of your budget is left for today"],
    [0, "month", "0% of your budget is left for this month"],
  ] as const)("tell of %d of a %s's budget", (share, window, line) => {
    expect(budgetLine(new Wording(), { share, window })).toBe(line);
  });

  it.each([
    [90, "90 seconds"],
    [91, "2 minutes"],
    [5_400, "90 minutes"],
    [5_401, "2 hours"],
    [172_800, "48 hours"],
    [172_801, "3 days"],
  ])("tell a wait of %i seconds as %s", (seconds, words) => {
    expect(waitWords(new Wording(), seconds)).toBe(words);
  });
});
