import { describe, expect, it } from "vitest";
import { best, isLong, matching } from "./choices.ts";

const LANGUAGE = {
  id: "language",
  label: "Language",
  choices: [
    { value: "nl", label: "Nederlands" },
    { value: "en", label: "English" },
    { value: "fr", label: "Français" },
    { value: "de", label: "Deutsch" },
    { value: "es", label: "Español" },
  ],
  default: "en",
};

describe("finding a choice", () => {
  it.each([
    ["", ["nl", "en", "fr", "de", "es"]],
    ["  ", ["nl", "en", "fr", "de", "es"]],
    ["GER", ["de"]],
    ["deutsch", ["de"]],
    ["espanol", ["es"]],
    ["français", ["fr"]],
    ["de", ["nl", "de"]],
    ["PL", []],
    ["nl", ["nl"]],
    ["ish", ["en", "es"]],
    ["d", ["nl", "de"]],
    ["Klingon", []],
  ])("by %j gives %j", (query, values) => {
    expect(matching(LANGUAGE, query, "en").map(({ value }) => value)).toEqual(values);
  });

  it.each([
    ["d", "nl"],
    ["deu", "de"],
    ["ish", "en"],
    ["s", "es"],
    ["Klingon", undefined],
  ])("by %j means %s", (query, value) => {
    expect(best(LANGUAGE, query, "en")?.value).toBe(value);
  });

  it("is offered where the list is too long to be seen at a glance", () => {
    const choices = Array.from({ length: 9 }, (_, n) => ({ value: `${n}`, label: `${n}` }));
    const parameter = { id: "p", label: "P", default: "0" };
    expect(isLong({ ...parameter, choices })).toBe(true);
    expect(isLong({ ...parameter, choices: choices.slice(1) })).toBe(false);
  });
});
