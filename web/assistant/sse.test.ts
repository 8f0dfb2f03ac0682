import { describe, expect, it } from "vitest";
import { EventParser } from "./sse.ts";

const read = (...pieces: string[]) => {
  const parser = new EventParser();
  return pieces.flatMap((piece) => parser.feed(piece));
};

describe("server-sent events", () => {
  it.each([
    ["LF", "event: delta\ndata: a\n\n"],
    ["CR", "event: delta\rdata: a\r\r."],
    ["CRLF", "event: delta\r\ndata: a\r\n\r\n"],
    ["a byte order mark", "\uFEFFevent: delta\ndata: a\n\n"],
    ["comments between", ": hello\nevent: delta\n:\ndata: a\n\n"],
    ["no space after the colon", "event:delta\ndata:a\n\n"],
    ["fields that nobody knows", "id: 7\nretry: 10\nevent: delta\ndata: a\nx\n\n"],
  ])("are read with %s", (_name, text) => {
    expect(read(text)).toEqual([{ event: "delta", data: "a" }]);
  });

  it("are read wherever the stream is cut", () => {
    const text = "event: delta\r\ndata: one\r\ndata: two\r\n\r\nevent: done\r\ndata: {}\r\n\r\n.";
    for (let cut = 0; cut <= text.length; cut += 1) {
      expect(read(text.slice(0, cut), text.slice(cut))).toEqual([
        { event: "delta", data: "one\ntwo" },
        { event: "done", data: "{}" },
      ]);
    }
  });

  it("keep spaces of the data but the first", () => {
    expect(read("data:   a \n\n")).toEqual([{ event: "message", data: "  a " }]);
  });

  it("without data are not events", () => {
    expect(read("event: delta\n\n", "\n\n")).toEqual([]);
  });

  it("that never end are refused", () => {
    const parser = new EventParser();
    expect(() => parser.feed("x".repeat(1_048_577))).toThrow(RangeError);
  });
});
