import { describe, expect, it } from "vitest";
import { lineEnd, originalOf, relocate, type Snapshot } from "./range.ts";

const origin: Snapshot = {
  value: "one two three",
  range: { start: 4, end: 7 },
  selection: { start: 4, end: 7 },
};

describe("the original's place", () => {
  it.each([
    ["nothing changed", "one two three", { start: 4, end: 7 }],
    ["something was added before it", "zero one two three", { start: 9, end: 12 }],
    ["something was removed before it", "two three", { start: 0, end: 3 }],
    ["something was added after it", "one two three four", { start: 4, end: 7 }],
    ["what followed it was removed", "one two", { start: 4, end: 7 }],
    ["it was edited", "one tWo three", null],
    ["it was removed", "one three", null],
    ["the text on both sides was edited", "1 two 3", null],
    ["everything was removed", "", null],
  ])("when %s", (_name, present, range) => {
    expect(relocate(origin, present)).toEqual(range);
    if (range) expect(present.slice(range.start, range.end)).toBe(originalOf(origin));
  });

  it("of a whole text is lost with any edit inside it", () => {
    const whole = { ...origin, range: { start: 0, end: 13 } };
    expect(relocate(whole, "one and two three")).toBeNull();
  });
});

describe("below", () => {
  it.each([
    ["a\nb", 0, 1],
    ["a\nb", 2, 3],
    ["abc", 1, 3],
    ["", 0, 0],
  ])("in %j from %i begins at %i", (text, offset, end) => {
    expect(lineEnd(text, offset)).toBe(end);
  });
});
