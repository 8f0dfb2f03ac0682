/**
 * What the sealing page says to the vault: show me the ticket; here is the envelope.
 * Its counterpart is the vault's public listener. No DOM here, and never a key: only envelopes pass.
 */
import { type Context, decodeText, encodeText } from "../shared/envelope.ts";
import type { NamedKey } from "../shared/fingerprint.ts";

/** A public key that the vault takes envelopes for. */
export interface OfferedKey extends NamedKey {
  readonly keyId: Uint8Array;
}

/** What the vault's own record says that this ticket is for. */
export interface Ticket {
  readonly organizationName: string;
  readonly applicationName: string;
  readonly providerLabel: string;
  /** Everything that the key is bound to, but which sealing key. */
  readonly purpose: Omit<Context, "keyId">;
  /** The vault's sealing keys, the preferred one first. */
  readonly keys: readonly OfferedKey[];
  readonly expiresAtMs: number;
  readonly returnUrl: string;
  /** A key is destroyed by this deposit: the one in use or, of a staged deposit, the one staged before. */
  readonly replaces: boolean;
  /** The key waits beside the one in use until somebody switches to it. */
  readonly stage: boolean;
}

/** What the vault stored. */
export interface Receipt {
  readonly credential: string;
  readonly version: number;
  readonly lastFour: string;
  readonly fingerprint: string;
  readonly returnUrl: string;
}

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

/** Ask what a ticket is for; this does not use it up. Rejects with Refusal or NoAnswer. */
export async function viewTicket(ticket: string): Promise<Ticket> {
  return read(await post("/deposit/ticket", { ticket }), (answer) => {
    const purpose = {
      instance: answer.text("instance"),
      organization: answer.part("organization").text("id"),
      application: answer.part("application").text("id"),
      credential: answer.text("credential"),
      version: answer.number("version"),
      provider: answer.part("provider").text("id"),
      origin: answer.text("origin"),
    };
    return {
      organizationName: answer.part("organization").text("name"),
      applicationName: answer.part("application").text("name"),
      providerLabel: answer.part("provider").text("label"),
      purpose,
      keys: answer.parts("keys").map((key) => ({
        suite: key.number("suite"),
        keyId: decodeText(key.text("key_id")),
        publicKey: decodeText(key.text("public_key")),
      })),
      expiresAtMs: answer.number("expires_at") * 1000,
      returnUrl: webAddress(answer.text("return_url")),
      replaces: answer.flag("replaces"),
      stage: answer.flag("stage"),
    };
  });
}

/** Hand the envelope over; this uses the ticket up. Rejects with Refusal or NoAnswer. */
export async function deposit(ticket: string, envelope: Uint8Array): Promise<Receipt> {
  const body = { ticket, envelope: encodeText(envelope) };
  return read(await post("/deposit", body), (answer) => ({
    credential: answer.text("credential"),
    version: answer.number("version"),
    lastFour: answer.text("last_four"),
    fingerprint: answer.text("fingerprint"),
    returnUrl: webAddress(answer.text("return_url")),
  }));
}

async function post(path: string, body: Readonly<Record<string, string>>): Promise<Answer> {
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

function read<T>(answer: Answer, reading: (answer: Answer) => T): T {
  try {
    return reading(answer);
  } catch {
    throw new NoAnswer();
  }
}

/** Only an http(s) address may become a link: `javascript:` is one, too. */
function webAddress(text: string): string {
  const { protocol, href } = new URL(text);
  if (protocol !== "https:" && protocol !== "http:") throw new TypeError("not a web address");
  return href;
}

/** A JSON object whose members are read by the type that they must have. */
class Answer {
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

  part(name: string): Answer {
    return new Answer(this.#members[name]);
  }

  parts(name: string): readonly Answer[] {
    const values = this.#member(name, (value): value is unknown[] => Array.isArray(value));
    if (values.length === 0) throw new TypeError(`${name} is empty`);
    return values.map((value) => new Answer(value));
  }

  #member<T>(name: string, fits: (value: unknown) => value is T): T {
    const value = this.#members[name];
    if (!fits(value)) throw new TypeError(`${name} is missing`);
    return value;
  }
}
