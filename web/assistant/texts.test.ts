import { describe, expect, it } from "vitest";
import { Wording } from "./texts.ts";

describe("the wording", () => {
  it("takes the plural form of the count", () => {
    const wording = new Wording({}, "en");
    expect(wording.say("done", { n: 1 })).toBe("Done, 1 word");
    expect(wording.say("done", { n: 1200 })).toBe("Done, 1,200 words");
  });

  it("follows the plural rules and digits of its language", () => {
    const done = { one: "{n} slovo", few: "{n} slova", other: "{n} slov" };
    const wording = new Wording({ done }, "cs");
    expect([1, 3, 5].map((n) => wording.say("done", { n }))).toEqual([
      "1 slovo",
      "3 slova",
      "5 slov",
    ]);
  });

  it("is the host's own where the host gives one", () => {
    expect(new Wording({ trigger: "Schreiben" }).say("trigger")).toBe("Schreiben");
  });

  it("never loses the notice to an empty override", () => {
    expect(new Wording({ notice: "" }).say("notice")).toContain("AI-generated");
  });

  it("rewords errors of the proxy by their code", () => {
    const wording = new Wording({ "error.vault_unavailable": "Gerade nicht möglich." });
    expect(wording.ofProblem("error", "vault_unavailable")).toBe("Gerade nicht möglich.");
    expect(wording.ofProblem("error", "something_new")).toBeNull();
  });

  it("does not fall over a language tag that is none", () => {
    expect(new Wording({}, "not_a tag").say("done", { n: 2 })).toContain("2");
    expect(new Wording({}, "not_a tag").locale).toBeUndefined();
  });

  it("leaves braces alone that name nothing", () => {
    expect(new Wording({ trigger: "{name} & {n}" }).say("trigger", { n: 3 })).toBe("{name} & 3");
  });
});
