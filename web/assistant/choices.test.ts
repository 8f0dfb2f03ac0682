import { describe, expect, it } from "vitest";
import { best, isLong, matching } from "./choices.ts";

const CHOICES = [
  { value: "nl", label: "Dutch" },
  { value: "en", label: "English" },
  { value: "fr", label: "French (Français)" },
  { value: "de", label: "German (Deutsch)" },
  { value: "es", label: "Spanish (Español)" },
];

describe("finding a choice", () => {
  it.each([
    ["", ["nl", "en", "fr", "de", "es"]],
    ["  ", ["nl", "en", "fr", "de", "es"]],
    ["GER", ["de"]],
    ["espanol", ["es"]],
    ["français", ["fr"]],
    ["de", ["de"]],
    ["ish", ["en", "es"]],
    ["Klingon", []],
  ])("by %j gives %j", (query, values) => {
    expect(matching(CHOICES, query).map(({ value }) => value)).toEqual(values);
  });

  it.each([
    ["d", "nl"],
    ["deu", "de"],
    ["s", "es"],
    ["Klingon", undefined],
  ])("by %j means %s", (query, value) => {
    expect(best(CHOICES, query)?.value).toBe(value);
  });

  it("is offered where the list is too long to be seen at a glance", () => {
    const choices = Array.from({ length: 9 }, (_, n) => ({ value: `${n}`, label: `${n}` }));
    const parameter = { id: "p", label: "P", default: "0" };
    expect(isLong({ ...parameter, choices })).toBe(true);
    expect(isLong({ ...parameter, choices: choices.slice(1) })).toBe(false);
  });
});
