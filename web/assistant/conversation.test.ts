import { describe, expect, it } from "vitest";
import { recent, type Turn } from "./conversation.ts";

const turn = (n: number, length = 1): Turn => ({ prompt: `p${n}`, answer: "a".repeat(length) });

describe("the turns that go along", () => {
  it.each([
    [6, ["p1", "p2", "p3"]],
    [2, ["p2", "p3"]],
    [0, []],
  ])("are at most %i, the newest last", (most, prompts) => {
    const turns = recent([turn(1), turn(2), turn(3)], most);
    expect(turns.map(({ prompt }) => prompt)).toEqual(prompts);
  });

  it("leave out the oldest where the texts are too long together", () => {
    const turns = recent([turn(1, 50_000), turn(2, 50_000), turn(3, 20_000)], 6);
    expect(turns.map(({ prompt }) => prompt)).toEqual(["p2", "p3"]);
  });
});
