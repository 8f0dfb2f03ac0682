/**
 * Reads server-sent events (WHATWG HTML §9.2.6) out of text that arrives in pieces cut anywhere.
 * Its counterpart is the proxy's framing of its own delta, done and error events.
 * It never touches the network, and never holds more than one event of at most 1 MiB.
 */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Characters; an event longer than this is refused, since ours are a few words long. */
const EVENT_LIMIT = 1_048_576;

export class EventParser {
  #pending = "";
  #event = "";
  #data: string[] = [];
  #atStart = true;

  /** Takes the next piece of decoded text and returns the events that it completes. Throws RangeError past the limit. */
  feed(piece: string): ServerEvent[] {
    this.#pending += this.#atStart && piece !== "" ? piece.replace(/^\uFEFF/, "") : piece;
    if (piece !== "") this.#atStart = false;
    const done: ServerEvent[] = [];
    for (let line = this.#takeLine(); line !== null; line = this.#takeLine()) {
      const event = this.#readLine(line);
      if (event) done.push(event);
    }
    if (this.#pending.length > EVENT_LIMIT) throw new RangeError("server-sent event is too large");
    return done;
  }

  #takeLine(): string | null {
    const end = this.#pending.search(/[\r\n]/);
    // A CR at the very end may be the first half of CRLF: wait for the next piece.
    if (end < 0 || (this.#pending[end] === "\r" && end === this.#pending.length - 1)) return null;
    const line = this.#pending.slice(0, end);
    this.#pending = this.#pending.slice(this.#pending.startsWith("\r\n", end) ? end + 2 : end + 1);
    return line;
  }

  #readLine(line: string): ServerEvent | null {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.#event = value;
    if (field === "data") this.#data.push(value);
    return null;
  }

  #dispatch(): ServerEvent | null {
    const event = { event: this.#event || "message", data: this.#data.join("\n") };
    const empty = this.#data.length === 0;
    this.#event = "";
    this.#data = [];
    return empty ? null : event;
  }
}
