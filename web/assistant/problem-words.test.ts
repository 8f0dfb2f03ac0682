import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Fixer, Problem } from "./problem.ts";
import { problemWords } from "./problem-words.ts";
import { Wording } from "./texts.ts";

const page = readFileSync(new URL("../../docs/reference/errors.md", import.meta.url), "utf8");
/** Every code that the proxy documents, with who can fix it. */
const CODES = [
  ...page.matchAll(/^\| `(\w+)` \| \d+ \| `\w+` \| (user|time|administrator) \|/gm),
].map(([, code = "", who]) => [code, who as Fixer] as const);

function problem(code: string, who: Fixer): Problem {
  const message = "For developers.";
  return { code, who, message, hint: message, retryAfterS: null, canRetry: false, requestId: null };
}

describe("the words of an error", () => {
  it("are there for every code of the proxy", () => {
    expect(CODES.length).toBeGreaterThan(30);
  });

  it.each(CODES)("are for end users: %s", (code, who) => {
    const { message, hint } = problemWords(new Wording(), problem(code, who));
    expect(message).not.toBe("");
    expect(hint).not.toBe("");
    expect(`${message} ${hint}`).not.toMatch(
      /developers|token|header|console|vault|proxy|provider|key|sign|origin|JSON|`/i,
    );
  });

  it.each([
    ["user", "Change"],
    ["time", "Wait"],
    ["administrator", "administrator"],
  ] as const)("of a code that is new tell what %s can do", (who, word) => {
    expect(problemWords(new Wording(), problem("quite_new", who)).hint).toContain(word);
  });

  it("are the host's own where it has some for the code", () => {
    const wording = new Wording({ "error.vault_unavailable": "Gerade nicht." });
    expect(problemWords(wording, problem("vault_unavailable", "administrator")).message).toBe(
      "Gerade nicht.",
    );
  });

  it("are shared by codes that mean the same to an end user", () => {
    const words = (code: string) => problemWords(new Wording(), problem(code, "administrator"));
    expect(words("credential_revoked")).toEqual(words("application_inactive"));
  });
});
