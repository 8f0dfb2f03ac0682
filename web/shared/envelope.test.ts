/** The envelope in the browser's language agrees with the text vectors, and protects every bit and every field. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Context,
  checkProviderKey,
  decodeText,
  ENVELOPE_BYTES,
  EnvelopeError,
  encodeInfo,
  encodeText,
  KeyFormatError,
  open,
  seal,
} from "./envelope.ts";
import { generateKeyPair } from "./hpke.ts";
import { bytesOf, contextOf, hexOf, importKeyPair, loadVectors, type Vector } from "./vectors.ts";

const CONTEXT: Context = {
  instance: "inst_k7q2m4x6z3b5n8r2t4w6",
  organization: "org_a2b3c4d5e6f7g2h3j4k5",
  application: "app_m2n3p4q5r6s7t2u3v4w5",
  credential: "cred_x2y3z4a5b6c7d2e3f4g5",
  version: 7,
  provider: "openai",
  origin: "https://api.openai.com",
  keyId: Uint8Array.from({ length: 16 }, (_, at) => at),
};
const KEY = "sk-test-0123456789abcdefghijklmnopqrstuvwxyz";

let keys: CryptoKeyPair;
let publicKey: Uint8Array;

beforeAll(async () => {
  keys = await generateKeyPair();
  publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
});

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function openVector({ field }: Vector): Promise<string> {
  const pair = await importKeyPair(field("private_key"), field("public_key"));
  return text(await open(decodeText(field("envelope")), pair, contextOf(field)));
}

describe("vectors", () => {
  const envelopes = loadVectors("envelope").map((vector) => [vector.name, vector] as const);

  test.each(envelopes)("%s", async (_, vector) => {
    const opening = openVector(vector);
    const expected = vector.field("expect");
    if (expected === "opens") {
      expect(await opening).toBe(vector.field("key"));
      expect(hexOf(encodeInfo(contextOf(vector.field)))).toBe(vector.field("info"));
    } else if (expected === "envelope_invalid") {
      await expect(opening).rejects.toStrictEqual(new EnvelopeError());
    } else {
      await expect(opening).rejects.toMatchObject({
        code: expected,
        reason: vector.field("problem"),
      });
    }
  });

  const providerKeys = loadVectors("provider_key").map((vector) => [vector.name, vector] as const);

  test.each(providerKeys)("the key gate: %s", async (_, { field }) => {
    const key = bytesOf(field("key_hex"));
    const sealing = seal(key, publicKey, CONTEXT);
    if (field("expect") === "fits") {
      checkProviderKey(key);
      expect(await open(await sealing, keys, CONTEXT)).toEqual(key);
    } else {
      expect(() => checkProviderKey(key)).toThrow(new KeyFormatError(field("problem") as never));
      await expect(sealing).rejects.toMatchObject({ reason: field("problem") });
    }
  });

  const texts = loadVectors("text").map((vector) => [vector.name, vector] as const);

  test.each(texts)("the text form: %s", (_, { field }) => {
    expect(() => decodeText(field("text"))).toThrow(RangeError);
  });
});

test("an envelope has one size, whatever the key's", async () => {
  for (const length of [20, 51, 164, 510]) {
    expect(await seal("k".repeat(length), publicKey, CONTEXT)).toHaveLength(ENVELOPE_BYTES);
  }
});

test("the same key sealed twice shares nothing but the header", async () => {
  const [first, second] = [
    await seal(KEY, publicKey, CONTEXT),
    await seal(KEY, publicKey, CONTEXT),
  ];
  expect(first.slice(0, 18)).toEqual(second.slice(0, 18));
  expect(first.slice(18, 50)).not.toEqual(second.slice(18, 50));
  expect(first.slice(50)).not.toEqual(second.slice(50));
});

test("every single bit of an envelope is protected, by the one error", async () => {
  const envelope = await seal(KEY, publicKey, CONTEXT);
  const refusals = Array.from({ length: envelope.length * 8 }, async (_, bit) => {
    const altered = envelope.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    return open(altered, keys, CONTEXT).catch((error: unknown) => error);
  });
  for (const refusal of await Promise.all(refusals)) {
    expect(refusal).toStrictEqual(new EnvelopeError());
  }
});

test.each(Object.keys(CONTEXT))("the context field %s is bound", async (name) => {
  const envelope = await seal(KEY, publicKey, CONTEXT);
  const other = { ...CONTEXT, [name]: another(CONTEXT[name as keyof Context]) };
  await expect(open(envelope, keys, other)).rejects.toStrictEqual(new EnvelopeError());
});

function another(value: string | number | Uint8Array): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "string") return `${value.slice(0, -1)}~`;
  return value.map((byte) => byte ^ 1);
}

test("bytes that were given are left to their owner", async () => {
  const given = new TextEncoder().encode(KEY);
  await seal(given, publicKey, CONTEXT);
  expect(text(given)).toBe(KEY);
});

test.each([
  ["an empty field", { application: "" }],
  ["a field that is too long", { application: "x".repeat(65_536) }],
  ["a lone surrogate", { application: "\ud800" }],
  ["version 0", { version: 0 }],
  ["a version that is not exact", { version: 2 ** 53 }],
  ["a fraction of a version", { version: 1.5 }],
  ["a short key id", { keyId: new Uint8Array(15) }],
])("a context with %s cannot be encoded", (_, change) => {
  expect(() => encodeInfo({ ...CONTEXT, ...change })).toThrow(RangeError);
});

test("a public key of low order is refused", async () => {
  await expect(seal(KEY, new Uint8Array(32), CONTEXT)).rejects.toThrow();
});

test("text and bytes are the same", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    expect(decodeText(encodeText(bytes))).toEqual(bytes);
  }
});
