/**
 * The challenge that an administrator's passkey signs to approve a deposit: this key, for this destination, once.
 * Its counterpart is the vault, which computes it anew from its own record; tests/vectors/challenge holds both to it.
 * It must never leave out what the envelope is bound to: a signature is worth only what stands in it.
 */
import type { Bytes, Context } from "./envelope.ts";
import { concat } from "./hpke.ts";

const LABEL = "sealgate deposit approval v1";

/** What a deposit's challenge covers. */
export interface Deposited extends Omit<Context, "keyId"> {
  /** The ticket's text. */
  readonly ticket: string;
  /** The binary envelope; it names its own sealing key. */
  readonly envelope: Uint8Array;
}

/** SHA-256 over the label and every field, each after its length as four bytes, big-endian. */
export async function depositChallenge(deposited: Deposited): Promise<Bytes> {
  const texts = [
    LABEL,
    deposited.instance,
    deposited.organization,
    deposited.application,
    deposited.credential,
    String(deposited.version),
    deposited.provider,
    deposited.origin,
    deposited.ticket,
  ];
  const fields = [...texts.map((text) => new TextEncoder().encode(text)), deposited.envelope];
  const whole = concat(...fields.flatMap((field) => [length(field), field]));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

function length(field: Uint8Array): Bytes {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, field.length);
  return bytes;
}
