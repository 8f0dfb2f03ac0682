/**
 * Reads tests/vectors for the tests in this language; its counterpart is tests/vectors/reading.py.
 * Only tests may import it: it reads files.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bytes, type Context, encodeText } from "./envelope.ts";
import type { Suite } from "./suites.ts";

const VECTORS = join(import.meta.dirname, "..", "..", "tests", "vectors");

export interface Vector {
  readonly name: string;
  readonly about: string;
  /** Give a field, as it is written; throws where the vector has none. */
  field(name: string): string;
}

export function loadVectors(folder: string): Vector[] {
  const files = readdirSync(join(VECTORS, folder)).sort();
  return files.map((file) => parse(file, readFileSync(join(VECTORS, folder, file), "utf8")));
}

function parse(file: string, text: string): Vector {
  const [about = "", ...lines] = text.trimEnd().split("\n");
  const fields = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }),
  );
  const field = (name: string) => {
    const value = fields.get(name);
    if (value === undefined) throw new Error(`${file} has no ${name}`);
    return value;
  };
  return { name: file.replace(/\.txt$/, ""), about: about.replace(/^# /, ""), field };
}

export function bytesOf(hex: string): Bytes {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The context that a vector is opened under. */
export function contextOf(field: (name: string) => string): Context {
  return {
    instance: field("instance"),
    organization: field("organization"),
    application: field("application"),
    credential: field("credential"),
    version: Number(field("version")),
    provider: field("provider"),
    origin: field("origin"),
    keyId: bytesOf(field("key_id")),
  };
}

/** Import a key pair from raw bytes; a private X25519 key goes as PKCS #8 (RFC 8410 section 7), others as JWK. */
export async function importKeyPair(
  suite: Suite,
  privateHex: string,
  publicHex: string,
): Promise<CryptoKeyPair> {
  const { curve } = suite.kem;
  const publicKey = await crypto.subtle.importKey("raw", bytesOf(publicHex), curve, true, []);
  if (curve.name === "X25519") {
    const pkcs8 = bytesOf(`302e020100300506032b656e04220420${privateHex}`);
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, curve, false, ["deriveBits"]);
    return { privateKey, publicKey };
  }
  const jwk = await crypto.subtle.exportKey("jwk", publicKey);
  const d = encodeText(bytesOf(privateHex));
  const whole = { ...jwk, d, key_ops: ["deriveBits"] };
  const privateKey = await crypto.subtle.importKey("jwk", whole, curve, false, ["deriveBits"]);
  return { privateKey, publicKey };
}
