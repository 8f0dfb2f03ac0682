/**
 * What the sealing page says to the vault: show me the ticket; here is the envelope, and a passkey's word for it.
 * Its counterpart is the vault's public listener. No DOM here, and never a key: only envelopes pass.
 */
import { type Context, encodeText } from "../shared/envelope.ts";
import type { NamedKey } from "../shared/fingerprint.ts";
import { type Allowed, type Assertion, allowedIn, assertionBody } from "./passkeys.ts";
import { post, read, webAddress } from "./vault.ts";

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
  /** Whose passkeys may approve the deposit; null where none need to. */
  readonly passkey: Allowed | null;
}

/** What the vault stored. */
export interface Receipt {
  readonly credential: string;
  readonly version: number;
  readonly lastFour: string;
  readonly fingerprint: string;
  readonly returnUrl: string;
  /** The administrator whose passkey approved it; empty where none had to. */
  readonly approvedBy: string;
}

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
        keyId: key.bytes("key_id"),
        publicKey: key.bytes("public_key"),
      })),
      expiresAtMs: answer.number("expires_at") * 1000,
      returnUrl: webAddress(answer.text("return_url")),
      replaces: answer.flag("replaces"),
      stage: answer.flag("stage"),
      passkey: answer.optional("passkey", allowedIn),
    };
  });
}

/** Hand the envelope over; this uses the ticket up. Rejects with Refusal or NoAnswer. */
export async function deposit(
  ticket: string,
  envelope: Uint8Array,
  assertion: Assertion | null,
): Promise<Receipt> {
  const sealed = { ticket, envelope: encodeText(envelope) };
  const body = assertion === null ? sealed : { ...sealed, passkey: assertionBody(assertion) };
  return read(await post("/deposit", body), (answer) => ({
    credential: answer.text("credential"),
    version: answer.number("version"),
    lastFour: answer.text("last_four"),
    fingerprint: answer.text("fingerprint"),
    returnUrl: webAddress(answer.text("return_url")),
    approvedBy: answer.optional("approved_by", () => answer.text("approved_by")) ?? "",
  }));
}
