/**
 * Fingerprints of a vault's sealing keys, as people compare them: eight words that can be read aloud.
 * Its counterpart is src/sealgate/envelope/fingerprints.py; docs/spec/envelope.md says both in words.
 */
import { type Bytes, concat } from "./hpke.ts";

const LABEL = "sealgate sealing keys v1";
const FINGERPRINT_BYTES = 16;
const CONSONANTS = "bdfghjklmnprstvz";
const VOWELS = "aiou";

/** A sealing key that is offered; of any suite, also one that this script does not know. */
export interface NamedKey {
  readonly suite: number;
  readonly publicKey: Uint8Array;
}

/** Give the 128 bits that name every sealing key of one epoch. */
export async function fingerprint(keys: readonly NamedKey[]): Promise<Bytes> {
  const sorted = [...keys].sort((first, second) => first.suite - second.suite);
  const told = sorted.map(({ suite, publicKey }) =>
    concat([suite, publicKey.length >> 8, publicKey.length & 0xff], publicKey),
  );
  const whole = concat(new TextEncoder().encode(LABEL), ...told);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole)).slice(0, FINGERPRINT_BYTES);
}

/** Write a fingerprint as proquints (Wilkerson 2009): five letters for each 16 bits. */
export function wordsOf(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 2 }, (_, at) => word(view.getUint16(at * 2))).join(
    "-",
  );
}

function word(bits: number): string {
  return [
    CONSONANTS.charAt((bits >> 12) & 15),
    VOWELS.charAt((bits >> 10) & 3),
    CONSONANTS.charAt((bits >> 6) & 15),
    VOWELS.charAt((bits >> 4) & 3),
    CONSONANTS.charAt(bits & 15),
  ].join("");
}
