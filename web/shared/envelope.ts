/**
 * The sealed-key format in the browser: seal a provider key to one vault for one purpose.
 * Its counterpart is src/sealgate/envelope; docs/spec/envelope.md says both in words, tests/vectors holds both to it.
 * `open` is here for the tests of both directions. A page must never have a private key to call it with.
 */

import { type Bytes, concat, openBase, sealBase } from "./hpke.ts";
import { checkProviderKey, KeyFormatError, MAX_KEY_BYTES } from "./provider-key.ts";
import type { Suite } from "./suites.ts";

export { checkCharacters, checkProviderKey, KeyFormatError } from "./provider-key.ts";
export type { Bytes };

export const SLOT_BYTES = 512;
const FORMAT_VERSION = 1;
const KEY_ID_BYTES = 16;
const HEADER_BYTES = 2 + KEY_ID_BYTES;
const LENGTH_BYTES = 2;
const TAG_BYTES = 16;
const MAX_FIELD_BYTES = 65_535;

/** The one purpose of a sealed key; every field must be the same at seal and at open. */
export interface Context {
  readonly instance: string;
  readonly organization: string;
  readonly application: string;
  readonly credential: string;
  /** Counts the deposits of one credential, from 1 to 2^53 - 1. */
  readonly version: number;
  readonly provider: string;
  readonly origin: string;
  /** The 16 raw bytes that name the vault's sealing key. */
  readonly keyId: Uint8Array;
}

/** The envelope does not open: one error, one message, whichever bit or context field differs. */
export class EnvelopeError extends Error {
  readonly code = "envelope_invalid";
  readonly hint = "Seal the key again with a new ticket from the console.";

  constructor() {
    super("The envelope does not open.");
    this.name = "EnvelopeError";
  }
}

/** How many bytes every envelope of a suite has. */
export function envelopeBytes(suite: Suite): number {
  return HEADER_BYTES + suite.kem.publicBytes + SLOT_BYTES + TAG_BYTES;
}

/**
 * Give an envelope that only the owner of `publicKey` (raw, of this suite) can open, and only under `context`.
 * RFC 9180 section 6.1, base mode, empty AAD. Throws KeyFormatError for an impossible key and RangeError for a context
 * that cannot be encoded. The copies made here are wiped; a string that was given is beyond anybody's reach.
 */
export async function seal(
  key: Uint8Array | string,
  suite: Suite,
  publicKey: Uint8Array,
  context: Context,
): Promise<Bytes> {
  const bytes = typeof key === "string" ? new TextEncoder().encode(key) : Uint8Array.from(key);
  const slot = new Uint8Array(SLOT_BYTES);
  try {
    checkProviderKey(bytes);
    new DataView(slot.buffer).setUint16(0, bytes.length);
    slot.set(bytes, LENGTH_BYTES);
    const info = encodeInfo(suite, context);
    const sealed = await sealBase(suite, slot, Uint8Array.from(publicKey), info);
    return concat([FORMAT_VERSION, suite.id], context.keyId, sealed);
  } finally {
    slot.fill(0);
    bytes.fill(0);
  }
}

/** Open an envelope and give the key. Throws EnvelopeError, or KeyFormatError for a sealed text that is no key. */
export async function open(
  envelope: Uint8Array,
  suite: Suite,
  keys: CryptoKeyPair,
  context: Context,
): Promise<Bytes> {
  const info = encodeInfo(suite, context);
  const header = concat([FORMAT_VERSION, suite.id], context.keyId);
  const fits = envelope.length === envelopeBytes(suite);
  if (!fits || header.some((byte, at) => byte !== envelope[at])) {
    throw new EnvelopeError();
  }
  let slot: Bytes;
  try {
    slot = await openBase(suite, Uint8Array.from(envelope.subarray(HEADER_BYTES)), keys, info);
  } catch {
    throw new EnvelopeError();
  }
  return keyOf(slot);
}

function keyOf(slot: Bytes): Bytes {
  const length = new DataView(slot.buffer).getUint16(0);
  const end = LENGTH_BYTES + length;
  if (length > MAX_KEY_BYTES || slot.subarray(end).some((byte) => byte !== 0)) {
    throw new KeyFormatError("layout");
  }
  const key = slot.slice(LENGTH_BYTES, end);
  checkProviderKey(key);
  return key;
}

/** Encode the `info` of HPKE: the label, then each field after its length as two bytes, big-endian. */
export function encodeInfo(suite: Suite, context: Context): Bytes {
  if (context.keyId.length !== KEY_ID_BYTES) throw new RangeError("a vault key id has 16 bytes");
  const fields = [
    [suite.id],
    utf8(context.instance),
    utf8(context.organization),
    utf8(context.application),
    utf8(context.credential),
    uint64(context.version),
    utf8(context.provider),
    utf8(context.origin),
    context.keyId,
  ];
  const framed = fields.flatMap((field) => [[field.length >> 8, field.length & 0xff], field]);
  return concat(new TextEncoder().encode("sealgate envelope v1"), ...framed);
}

function utf8(text: string): Bytes {
  const bytes = new TextEncoder().encode(text);
  // TextEncoder writes a lone surrogate as U+FFFD: two different texts would then be bound as one.
  if (bytes.length < 1 || bytes.length > MAX_FIELD_BYTES || /\p{Surrogate}/u.test(text)) {
    throw new RangeError("a context field must be 1 to 65535 bytes of UTF-8");
  }
  return bytes;
}

function uint64(value: number): Bytes {
  if (!Number.isSafeInteger(value) || value < 1) {
    throw new RangeError("a context version must be 1 to 2^53 - 1");
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Give the text form: base64url without padding (RFC 4648 section 5). */
export function encodeText(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Read base64url without padding; throws RangeError unless it is exactly what `encodeText` writes. */
export function decodeText(text: string): Bytes {
  const bytes = /^[A-Za-z0-9_-]*$/.test(text) && text.length % 4 !== 1 ? unbase64(text) : undefined;
  if (bytes === undefined || encodeText(bytes) !== text) throw new RangeError("not base64url");
  return bytes;
}

function unbase64(text: string): Bytes {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
