/**
 * HPKE (RFC 9180), base mode, single shot, on WebCrypto alone: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
 * Its counterparts are src/sealgate/envelope/hpke.py and the HPKE of the library that seals there.
 * It knows nothing of envelopes, and it must never keep a private key that can be exported.
 */

export type Bytes = Uint8Array<ArrayBuffer>;

const ENC_BYTES = 32;
const X25519 = { name: "X25519" };
const EMPTY: Bytes = new Uint8Array();
// RFC 9180 sections 4.1 and 5.1: "KEM" and "HPKE", each with its identifiers of section 7.
const KEM_SUITE_ID = concat(ascii("KEM"), [0x00, 0x20]);
const SUITE_ID = concat(ascii("HPKE"), [0x00, 0x20, 0x00, 0x01, 0x00, 0x02]);

/** RFC 9180 section 6.1, SealBase with empty AAD: `enc ‖ ciphertext`. */
export async function sealBase(plaintext: Bytes, publicKey: Bytes, info: Bytes): Promise<Bytes> {
  const ephemeral = await generateKeyPair();
  const enc = await exportPublicKey(ephemeral.publicKey);
  const dh = await agree(ephemeral.privateKey, publicKey);
  const { key, iv } = await schedule(dh, concat(enc, publicKey), info, "encrypt");
  const ciphertext = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, key, plaintext);
  return concat(enc, new Uint8Array(ciphertext));
}

/** RFC 9180 section 6.1, OpenBase with empty AAD. Rejects with WebCrypto's OperationError. */
export async function openBase(sealed: Bytes, keys: CryptoKeyPair, info: Bytes): Promise<Bytes> {
  const enc = sealed.slice(0, ENC_BYTES);
  const dh = await agree(keys.privateKey, enc);
  const kemContext = concat(enc, await exportPublicKey(keys.publicKey));
  const { key, iv } = await schedule(dh, kemContext, info, "decrypt");
  const plaintext = await crypto.subtle.decrypt(
    { name: "AES-GCM", iv },
    key,
    sealed.slice(ENC_BYTES),
  );
  return new Uint8Array(plaintext);
}

/** Make an X25519 key pair whose private half cannot be exported. */
export async function generateKeyPair(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(X25519, false, ["deriveBits"])) as CryptoKeyPair;
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

/** X25519; rejects for a point of low order, as RFC 9180 section 7.1.4 asks. */
async function agree(privateKey: CryptoKey, peer: Bytes): Promise<Bytes> {
  const publicKey = await crypto.subtle.importKey("raw", peer, X25519, false, []);
  const dh = await crypto.subtle.deriveBits({ name: "X25519", public: publicKey }, privateKey, 256);
  return new Uint8Array(dh);
}

/** RFC 9180 section 4.1, ExtractAndExpand, and section 5.1, KeySchedule in base mode. */
async function schedule(dh: Bytes, kemContext: Bytes, info: Bytes, usage: KeyUsage) {
  const eaePrk = await extract(KEM_SUITE_ID, EMPTY, "eae_prk", dh);
  const sharedSecret = await expand(KEM_SUITE_ID, eaePrk, "shared_secret", kemContext, 32);
  const pskIdHash = await extract(SUITE_ID, EMPTY, "psk_id_hash", EMPTY);
  const infoHash = await extract(SUITE_ID, EMPTY, "info_hash", info);
  const context = concat([0x00], pskIdHash, infoHash);
  const secret = await extract(SUITE_ID, sharedSecret, "secret", EMPTY);
  const rawKey = await expand(SUITE_ID, secret, "key", context, 32);
  return {
    key: await crypto.subtle.importKey("raw", rawKey, "AES-GCM", false, [usage]),
    iv: await expand(SUITE_ID, secret, "base_nonce", context, 12),
  };
}

/** RFC 9180 section 4, LabeledExtract; HKDF-Extract is HMAC under the salt (RFC 5869 section 2.2). */
function extract(suiteId: Bytes, salt: Bytes, label: string, ikm: Bytes): Promise<Bytes> {
  // Some engines refuse an empty HMAC key. HMAC pads with zeros, so 32 zeros are the same key.
  const key = salt.length === 0 ? new Uint8Array(32) : salt;
  return hmac(key, concat(ascii("HPKE-v1"), suiteId, ascii(label), ikm));
}

/** RFC 9180 section 4, LabeledExpand, for lengths up to one hash: HKDF-Expand then has one round. */
async function expand(
  suiteId: Bytes,
  prk: Bytes,
  label: string,
  info: Bytes,
  lengthBytes: number,
): Promise<Bytes> {
  const labeled = concat([0, lengthBytes], ascii("HPKE-v1"), suiteId, ascii(label), info, [0x01]);
  return (await hmac(prk, labeled)).slice(0, lengthBytes);
}

async function hmac(rawKey: Bytes, data: Bytes): Promise<Bytes> {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", rawKey, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, data));
}

function ascii(text: string): Bytes {
  return new TextEncoder().encode(text);
}
