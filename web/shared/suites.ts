/**
 * The suites of sealed keys: one literal table, the preferred one first. A suite is added here, and in suites.py, alone.
 * Its counterpart is src/sealgate/envelope/suites.py; docs/spec/envelope.md has the same rows. It must never compute anything.
 */

/** A DHKEM of RFC 9180 section 7.1; all lengths in bytes. */
export interface Kem {
  readonly id: number;
  /** WebCrypto's name of the curve, for making, importing and deriving. */
  readonly curve:
    | { readonly name: "X25519" }
    | { readonly name: "ECDH"; readonly namedCurve: string };
  /** HKDF's hash inside the KEM. */
  readonly hash: "SHA-256" | "SHA-384";
  readonly hashBytes: number;
  /** Npk, and Nenc, which is the same. */
  readonly publicBytes: number;
  /** What the exchange gives. */
  readonly dhBytes: number;
  readonly secretBytes: number;
}

/** One way to seal: with HKDF-SHA256 (KDF 0x0001) and AES-GCM. */
export interface Suite {
  /** The byte that names it in an envelope. */
  readonly id: number;
  readonly name: string;
  readonly kem: Kem;
  readonly aeadId: number;
  readonly keyBytes: number;
}

const X25519: Kem = {
  id: 0x0020,
  curve: { name: "X25519" },
  hash: "SHA-256",
  hashBytes: 32,
  publicBytes: 32,
  dhBytes: 32,
  secretBytes: 32,
};

const P256: Kem = {
  id: 0x0010,
  curve: { name: "ECDH", namedCurve: "P-256" },
  hash: "SHA-256",
  hashBytes: 32,
  publicBytes: 65,
  dhBytes: 32,
  secretBytes: 32,
};

export const SUITE_1: Suite = { id: 1, name: "1", kem: X25519, aeadId: 0x0002, keyBytes: 32 };
export const SUITE_1P: Suite = { id: 2, name: "1p", kem: P256, aeadId: 0x0002, keyBytes: 32 };
// 3 is kept for X-Wing.

export const SUITES: readonly Suite[] = [SUITE_1, SUITE_1P];
