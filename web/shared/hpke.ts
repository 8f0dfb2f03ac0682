/**
 * HPKE (RFC 9180), base mode, single shot, on WebCrypto alone, for any row of the table of suites.
 * Its counterparts are src/sealgate/envelope/hpke.py and the HPKE of the library that seals there.
 * It knows nothing of envelopes, and it must never keep a private key that can be exported.
 */
import type { Kem, Suite } from "./suites.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

interface Hash {
  readonly name: string;
  readonly bytes: number;
}

const EMPTY: Bytes = new Uint8Array();
const SHA_256: Hash = { name: "SHA-256", bytes: 32 };

/** RFC 9180 section 6.1, SealBase with empty AAD: `enc ‖ ciphertext`. */
export async function sealBase(
  suite: Suite,
  plaintext: Bytes,
  publicKey: Bytes,
  info: Bytes,
): Promise<Bytes> {
  const ephemeral = await generateKeyPair(suite);
  const enc = await exportPublicKey(ephemeral.publicKey);
  const dh = await agree(suite.kem, ephemeral.privateKey, publicKey);
  const { key, iv } = await schedule(suite, dh, concat(enc, publicKey), info, "encrypt");
  const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plaintext);
  return concat(enc, new Uint8Array(ciphertext));
}

/** RFC 9180 section 6.1, OpenBase with empty AAD. Rejects with WebCrypto's own errors. */
export async function openBase(
  suite: Suite,
  sealed: Bytes,
  keys: CryptoKeyPair,
  info: Bytes,
): Promise<Bytes> {
  const enc = sealed.slice(0, suite.kem.publicBytes);
  const dh = await agree(suite.kem, keys.privateKey, enc);
  const kemContext = concat(enc, await exportPublicKey(keys.publicKey));
  const { key, iv } = await schedule(suite, dh, kemContext, info, "decrypt");
  const ciphertext = sealed.slice(suite.kem.publicBytes);
  const plaintext = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, ciphertext);
  return new Uint8Array(plaintext);
}

/** Make a key pair of a suite, whose private half cannot be exported. */
export async function generateKeyPair(suite: Suite): Promise<CryptoKeyPair> {
  const pair = await crypto.subtle.generateKey(suite.kem.curve, false, ["deriveBits"]);
  return pair as CryptoKeyPair;
}

/** Whether this browser can seal with a suite: asked by making a key pair, not by the browser's name. */
export async function canSealWith(suite: Suite): Promise<boolean> {
  return generateKeyPair(suite).then(
    () => true,
    () => false,
  );
}

/** Put byte strings one after the other. */
export function concat(...parts: readonly ArrayLike<number>[]): Bytes {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

async function exportPublicKey(key: CryptoKey): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.exportKey("raw", key));
}

/** Rejects for a point of low order or none of the curve, as RFC 9180 section 7.1.4 asks. */
async function agree(kem: Kem, privateKey: CryptoKey, peer: Bytes): Promise<Bytes> {
  // Engines take compressed points, too, where the length lets them; RFC 9180 section 7.1.1 does not.
  if (peer.length !== kem.publicBytes) throw new RangeError("a public key of another length");
  const publicKey = await crypto.subtle.importKey("raw", peer, kem.curve, false, []);
  const algorithm = { name: kem.curve.name, public: publicKey };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, privateKey, kem.dhBytes * 8));
}

/** RFC 9180 section 4.1, ExtractAndExpand, and section 5.1, KeySchedule in base mode. */
async function schedule(suite: Suite, dh: Bytes, kemContext: Bytes, info: Bytes, usage: KeyUsage) {
  const { kem } = suite;
  const kemHash = { name: kem.hash, bytes: kem.hashBytes };
  const kemId = concat(ascii("KEM"), uint16(kem.id));
  const eaePrk = await extract(kemHash, kemId, EMPTY, "eae_prk", dh);
  const shared = await expand(kemHash, kemId, eaePrk, "shared_secret", kemContext, kem.secretBytes);
  const id = concat(ascii("HPKE"), uint16(kem.id), [0x00, 0x01], uint16(suite.aeadId));
  const pskIdHash = await extract(SHA_256, id, EMPTY, "psk_id_hash", EMPTY);
  const infoHash = await extract(SHA_256, id, EMPTY, "info_hash", info);
  const context = concat([0x00], pskIdHash, infoHash);
  const secret = await extract(SHA_256, id, shared, "secret", EMPTY);
  const rawKey = await expand(SHA_256, id, secret, "key", context, suite.keyBytes);
  return {
    key: await crypto.subtle.importKey("raw", rawKey, "AES-GCM", false, [usage]),
    iv: await expand(SHA_256, id, secret, "base_nonce", context, 12),
  };
}

/** RFC 9180 section 4, LabeledExtract; HKDF-Extract is HMAC under the salt (RFC 5869 section 2.2). */
function extract(
  hash: Hash,
  suiteId: Bytes,
  salt: Bytes,
  label: string,
  ikm: Bytes,
): Promise<Bytes> {
  // Some engines refuse an empty HMAC key. HMAC pads with zeros, so zeros of the hash's length are the same key.
  const key = salt.length === 0 ? new Uint8Array(hash.bytes) : salt;
  return hmac(hash, key, concat(ascii("HPKE-v1"), suiteId, ascii(label), ikm));
}

/** RFC 9180 section 4, LabeledExpand, for lengths up to one hash: HKDF-Expand then has one round. */
async function expand(
  hash: Hash,
  suiteId: Bytes,
  prk: Bytes,
  label: string,
  info: Bytes,
  lengthBytes: number,
): Promise<Bytes> {
  const labeled = concat(
    uint16(lengthBytes),
    ascii("HPKE-v1"),
    suiteId,
    ascii(label),
    info,
    [0x01],
  );
  return (await hmac(hash, prk, labeled)).slice(0, lengthBytes);
}

async function hmac(hash: Hash, rawKey: Bytes, data: Bytes): Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: hash.name };
  const key = await crypto.subtle.importKey("raw", rawKey, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, data));
}

function uint16(value: number): readonly number[] {
  return [value >> 8, value & 0xff];
}

function ascii(text: string): Bytes {
  return new TextEncoder().encode(text);
}
