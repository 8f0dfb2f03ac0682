import { describe, expect, it } from "vitest";
import { readProblem } from "./problem.ts";

const read = (error: unknown, headers: Record<string, string> = {}) =>
  readProblem({ error }, new Headers(headers));

describe("a problem", () => {
  it.each([
    ["user", false],
    ["administrator", false],
    ["time", true],
  ])("that %s can fix is worth another try: %s", (who, canRetry) => {
    expect(read({ code: "x", who })).toMatchObject({ who, canRetry });
  });

  it("of nobody in particular is left to time", () => {
    expect(read({ code: "x", who: "fate" })?.who).toBe("time");
  });

  it("does not say its hint twice", () => {
    expect(read({ message: "Too long. Send less.", hint: "Send less." })).toMatchObject({
      message: "Too long.",
      hint: "Send less.",
    });
  });

  it.each([
    ["24", 24],
    ["0", 0],
    ["soon", null],
    ["Wed, 21 Oct 2026 07:28:00 GMT", null],
    ["-1", null],
  ])("reads retry-after %s as %s seconds", (value, seconds) => {
    expect(read({}, { "retry-after": value })?.retryAfterS).toBe(seconds);
  });

  it.each([[null], ["x"], [[]], [{ message: "x" }], [{ error: "x" }]])(
    "is not read from %j",
    (body) => {
      expect(readProblem(body, new Headers())).toBeNull();
    },
  );
});
