import { describe, expect, it } from "vitest";
import { type Action, defaults, languageOf, localName, readCatalogue } from "./catalogue.ts";
import { ME } from "./testing/scripted-proxy.ts";

describe("the catalogue", () => {
  it("gives each parameter its usual value", () => {
    const [shorten] = readCatalogue(ME)?.actions ?? [];
    expect(defaults(shorten as Action)).toEqual({ amount: "half" });
  });

  it("takes the first choice where the usual one is not on the list", () => {
    const parameter = { id: "p", label: "P", choices: [{ value: "a", label: "A" }], default: "z" };
    const catalogue = readCatalogue({
      actions: [{ id: "x", label: "X", parameters: [parameter] }],
    });
    expect(catalogue?.actions[0]?.parameters[0]?.default).toBe("a");
  });

  it("leaves out entries that it cannot read, and keeps the others", () => {
    const actions = [
      null,
      { id: 7 },
      { id: "ok", label: "OK", parameters: [{ id: "p", choices: [] }, 3] },
    ];
    expect(readCatalogue({ actions })?.actions).toEqual([
      { id: "ok", label: "OK", description: "", parameters: [] },
    ]);
  });

  it.each([[null], ["x"], [[]], [{}], [{ actions: {} }]])("is not read from %j", (body) => {
    expect(readCatalogue(body)).toBeNull();
  });

  it.each([
    [{ prompt: true }, true, 6],
    [{ prompt: true, follow_ups: 2 }, true, 2],
    [{ prompt: false }, false, 6],
    [{ prompt: "yes" }, false, 6],
    [undefined, false, 6],
  ])("reads the rights %j", (rights, canPrompt, followUps) => {
    expect(readCatalogue({ actions: [], rights })).toMatchObject({ canPrompt, followUps });
  });

  it.each([
    ["language", "de", "de"],
    ["target-language", "pt-BR", "pt-BR"],
    ["language", "plain", null],
    ["tone", "it", null],
  ])("knows that %s %s asks for the language %j", (id, value, language) => {
    const choices = [{ value, label: value }];
    const parameters = [{ id, label: id, choices, default: value }];
    const action = { id: "x", label: "X", description: "", parameters };
    expect(languageOf(action, { [id]: value })).toBe(language);
  });

  it.each([
    ["language", "de", "Deutsch", "German"],
    ["language", "en", "English", ""],
    ["language", "de-ab1", "?", ""],
    ["tone", "de", "Deutsch", ""],
  ])("of a %s has for %s (%s) the reader's name %j", (id, value, label, name) => {
    const parameter = { id, label: id, choices: [], default: value };
    expect(localName(parameter, { value, label }, "en")).toBe(name);
  });

  it.each([
    [
      { share: 0.42, window: "day" },
      { share: 0.42, window: "day" },
    ],
    [
      { share: 7, window: "month" },
      { share: 1, window: "month" },
    ],
    [{ share: 0.5, window: "minute" }, null],
    [{ window: "day" }, null],
    [null, null],
  ])("reads of the budget %j", (budget, read) => {
    expect(readCatalogue({ actions: [], allowance: { budget } })?.budget).toEqual(read);
  });

  it("does without an allowance", () => {
    expect(
      readCatalogue({ actions: [], allowance: { requests: { limit: "?" } } })?.allowance,
    ).toBeNull();
  });
});
