import { describe, expect, it } from "vitest";
import { countWords, diffWords, type Piece } from "./words.ts";

const joined = (pieces: readonly Piece[] | null, kind: "added" | "removed") =>
  (pieces ?? [])
    .filter((piece) => piece.kind === "same" || piece.kind === kind)
    .map(({ text }) => text)
    .join("");

describe("counting words", () => {
  it.each([
    ["", 0],
    ["Don’t panic, e-mail us.", 5],
    ["  \n ", 0],
    ["これはペンです", 4],
  ])("finds them in %j", (text, count) => {
    expect(countWords(text)).toBe(count);
  });
});

describe("comparing words", () => {
  it.each([
    ["", ""],
    ["same words", "same words"],
    ["", "all new"],
    ["all gone", ""],
    ["We are going to go.", "We go."],
    ["One.\n\nPlease do come", "One.\n\nDo come"],
    ["a b c d e f", "b d f a c e"],
    ["  spaces\tand\r\nlines  ", "spaces and lines"],
    ["我们很高兴", "我们高兴"],
    ["naïve café — ok?", "naive cafe - ok!"],
  ])("of %j and %j loses nothing of either", (before, after) => {
    const pieces = diffWords(before, after);
    expect(joined(pieces, "removed")).toBe(before);
    expect(joined(pieces, "added")).toBe(after);
  });

  it("marks the words that changed and no others", () => {
    expect(diffWords("We are very glad today.", "We are glad today!")).toEqual([
      { kind: "same", text: "We are" },
      { kind: "removed", text: " very" },
      { kind: "same", text: " glad today" },
      { kind: "removed", text: "." },
      { kind: "added", text: "!" },
    ]);
  });

  it("gives up on texts whose comparison would be felt", () => {
    const words = (letter: string) => Array.from({ length: 2100 }, (_, n) => letter + n).join(" ");
    expect(diffWords(words("a"), words("b"))).toBeNull();
  });
});
