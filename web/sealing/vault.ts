/**
 * How the vault's pages talk to it: one post of JSON, one answer that is read member by member, or one refusal.
 * Its counterpart is the vault's public listener. No DOM here, and nothing goes to any other place.
 */
import { type Bytes, decodeText } from "../shared/envelope.ts";

/** The vault said no; `code` is one of its stable codes. */
export class Refusal extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string) {
    super(message);
    this.name = "Refusal";
    this.code = code;
    this.hint = hint;
  }
}

/** No answer, or one that this page cannot read: whether the vault acted is not known. */
export class NoAnswer extends Error {}

const TIMEOUT_MS = 20_000;

/** Post to the page's own vault; rejects with Refusal or NoAnswer. */
export async function post(path: string, body: Readonly<Record<string, unknown>>): Promise<Answer> {
  // Not mode "same-origin": under this page's no-referrer policy that would send `Origin: null`.
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch(() => {
    throw new NoAnswer();
  });
  const answer = new Answer(await response.json().catch(() => undefined));
  if (response.ok) return answer;
  throw read(answer, () => {
    const error = answer.part("error");
    return new Refusal(error.text("code"), error.text("message"), error.text("hint"));
  });
}

/** Read an answer; one that cannot be read is none. */
export function read<T>(answer: Answer, reading: (answer: Answer) => T): T {
  try {
    return reading(answer);
  } catch {
    throw new NoAnswer();
  }
}

/** Only an http(s) address may become a link: `javascript:` is one, too. */
export function webAddress(text: string): string {
  const { protocol, href } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") throw new TypeError("not a web address");
  return href;
}

/** A JSON object whose members are read by the type that they must have. */
export class Answer {
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown) {
    this.#members = typeof value === "object" && value !== null ? { ...value } : {};
  }

  text(name: string): string {
    return this.#member(name, (value) => typeof value === "string");
  }

  number(name: string): number {
    return this.#member(name, (value) => typeof value === "number");
  }

  flag(name: string): boolean {
    return this.#member(name, (value) => typeof value === "boolean");
  }

  /** Raw bytes, from base64url. */
  bytes(name: string): Bytes {
    return decodeText(this.text(name));
  }

  part(name: string): Answer {
    return new Answer(this.#members[name]);
  }

  /** What may be missing or null, read if it is there. */
  optional<T>(name: string, reading: (part: Answer) => T): T | null {
    return (this.#members[name] ?? null) === null ? null : reading(this.part(name));
  }

  /** A list that may be empty. */
  list(name: string): readonly Answer[] {
    return this.#array(name).map((value) => new Answer(value));
  }

  /** A list with something in it. */
  parts(name: string): readonly Answer[] {
    const parts = this.list(name);
    if (parts.length === 0) throw new TypeError(`${name} is empty`);
    return parts;
  }

  /** A list of raw bytes, each from base64url, of any length. */
  listOfBytes(name: string): readonly Bytes[] {
    return this.#array(name).map((value) => decodeText(asText(value)));
  }

  /** A list of pairs of texts, of any length. */
  pairs(name: string): readonly (readonly [string, string])[] {
    return this.#array(name).map((pair) => {
      const [first, second] = Array.isArray(pair) && pair.length === 2 ? pair : [];
      return [asText(first), asText(second)] as const;
    });
  }

  #array(name: string): readonly unknown[] {
    return this.#member(name, (value): value is unknown[] => Array.isArray(value));
  }

  #member<T>(name: string, fits: (value: unknown) => value is T): T {
    const value = this.#members[name];
    if (!fits(value)) throw new TypeError(`${name} is missing`);
    return value;
  }
}

function asText(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("not a text");
  return value;
}
