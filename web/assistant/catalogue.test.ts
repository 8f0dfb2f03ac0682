import { describe, expect, it } from "vitest";
import { type Action, defaults, readCatalogue } from "./catalogue.ts";
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

  it("does without an allowance", () => {
    expect(
      readCatalogue({ actions: [], allowance: { requests: { limit: "?" } } })?.allowance,
    ).toBeNull();
  });
});
