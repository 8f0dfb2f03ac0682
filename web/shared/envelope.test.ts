/** The envelope in the browser's language agrees with the text vectors, and protects every bit and every field. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  type Context,
  checkProviderKey,
  decodeText,
  EnvelopeError,
  encodeInfo,
  encodeText,
  envelopeBytes,
  KeyFormatError,
  open,
  seal,
} from "./envelope.ts";
import { fingerprint, wordsOf } from "./fingerprint.ts";
import { canSealWith, generateKeyPair } from "./hpke.ts";
import { SUITE_1, SUITE_1P, SUITES, type Suite } from "./suites.ts";
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
/** The x coordinate of P-256's generator (FIPS 186-4, D.1.2.3): a point that compresses. */
const GENERATOR_X = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
const KEY = "sk-test-0123456789abcdefghijklmnopqrstuvwxyz";

/** A third suite, in the table's own form: a KEM and an AEAD that no row of it has. */
const THIRD: Suite = {
  id: 200,
  name: "third",
  kem: {
    id: 0x0011,
    curve: { name: "ECDH", namedCurve: "P-384" },
    hash: "SHA-384",
    hashBytes: 48,
    publicBytes: 97,
    dhBytes: 48,
    secretBytes: 48,
  },
  aeadId: 0x0001,
  keyBytes: 16,
};
const EVERY = [...SUITES, THIRD].map((suite) => [suite.name, suite] as const);

const pairs = new Map<Suite, { keys: CryptoKeyPair; publicKey: Uint8Array }>();

beforeAll(async () => {
  for (const [, suite] of EVERY) {
    const keys = await generateKeyPair(suite);
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", keys.publicKey));
    pairs.set(suite, { keys, publicKey });
  }
});

function pairOf(suite: Suite) {
  const pair = pairs.get(suite);
  if (pair === undefined) throw new Error(`no pair of suite ${suite.name}`);
  return pair;
}

function sealed(suite: Suite, key: Uint8Array | string = KEY, context = CONTEXT) {
  return seal(key, suite, pairOf(suite).publicKey, context);
}

function opened(suite: Suite, envelope: Uint8Array, context = CONTEXT) {
  return open(envelope, suite, pairOf(suite).keys, context);
}

function suiteOf(field: (name: string) => string): Suite {
  const suite = SUITES.find((each) => each.id === Number(field("suite")));
  if (suite === undefined) throw new Error("no such suite");
  return suite;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function openVector({ field }: Vector): Promise<string> {
  const suite = suiteOf(field);
  const pair = await importKeyPair(suite, field("private_key"), field("public_key"));
  return text(await open(decodeText(field("envelope")), suite, pair, contextOf(field)));
}

describe("vectors", () => {
  const envelopes = loadVectors("envelope").map((vector) => [vector.name, vector] as const);

  test.each(envelopes)("%s", async (_, vector) => {
    const opening = openVector(vector);
    const expected = vector.field("expect");
    if (expected === "opens") {
      expect(await opening).toBe(vector.field("key"));
      expect(hexOf(encodeInfo(suiteOf(vector.field), contextOf(vector.field)))).toBe(
        vector.field("info"),
      );
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
    const sealing = sealed(SUITE_1, key);
    if (field("expect") === "fits") {
      checkProviderKey(key);
      expect(await opened(SUITE_1, await sealing)).toEqual(key);
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

const fingerprints = loadVectors("fingerprint").map((vector) => [vector.name, vector] as const);

test.each(fingerprints)("fingerprints: %s", async (name, { field }) => {
  const offered = name === "both-suites" ? [2, 1] : [name === "suite-1-alone" ? 1 : 2];
  const keys = offered.map((suite) => ({ suite, publicKey: bytesOf(field(`suite_${suite}`)) }));
  const found = await fingerprint(keys);
  expect([hexOf(found), wordsOf(found)]).toEqual([field("hex"), field("words")]);
});

test("an envelope's size is its suite's, whatever the key's", async () => {
  expect([SUITE_1, SUITE_1P, THIRD].map(envelopeBytes)).toEqual([578, 611, 643]);
  for (const [, suite] of EVERY) {
    for (const length of [20, 51, 164, 510]) {
      expect(await sealed(suite, "k".repeat(length))).toHaveLength(envelopeBytes(suite));
    }
  }
});

test.each(EVERY)(
  "suite %s: the same key sealed twice shares nothing but the header",
  async (_, suite) => {
    const [first, second] = [await sealed(suite), await sealed(suite)];
    const body = 18 + suite.kem.publicBytes;
    expect(first.slice(0, 18)).toEqual(second.slice(0, 18));
    expect(first.slice(18, body)).not.toEqual(second.slice(18, body));
    expect(first.slice(body)).not.toEqual(second.slice(body));
  },
);

test.each(EVERY)("suite %s: what is sealed opens again", async (_, suite) => {
  expect(text(await opened(suite, await sealed(suite)))).toBe(KEY);
  expect(await canSealWith(suite)).toBe(true);
});

test.each(EVERY)("suite %s: every single bit is protected, by the one error", async (_, suite) => {
  const envelope = await sealed(suite);
  const refusals = Array.from({ length: envelope.length * 8 }, async (_, bit) => {
    const altered = envelope.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    return opened(suite, altered).catch((error: unknown) => error);
  });
  for (const refusal of await Promise.all(refusals)) {
    expect(refusal).toStrictEqual(new EnvelopeError());
  }
});

const bound = EVERY.flatMap(([name, suite]) =>
  Object.keys(CONTEXT).map((field) => [name, field, suite] as const),
);

test.each(bound)("suite %s: the context field %s is bound", async (_, name, suite) => {
  const other = { ...CONTEXT, [name]: another(CONTEXT[name as keyof Context]) };
  const opening = opened(suite, await sealed(suite), other as Context);
  await expect(opening).rejects.toStrictEqual(new EnvelopeError());
});

test("a suite that this browser has not is found out without an error", async () => {
  const curve = { name: "ECDH", namedCurve: "P-1" } as const;
  expect(await canSealWith({ ...THIRD, kem: { ...THIRD.kem, curve } })).toBe(false);
});

function another(value: string | number | Uint8Array): unknown {
  if (typeof value === "number") return value + 1;
  if (typeof value === "string") return `${value.slice(0, -1)}~`;
  return value.map((byte) => byte ^ 1);
}

test("bytes that were given are left to their owner", async () => {
  const given = new TextEncoder().encode(KEY);
  await sealed(SUITE_1, given);
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
  expect(() => encodeInfo(SUITE_1, { ...CONTEXT, ...change })).toThrow(RangeError);
});

test("a public key of low order is refused", async () => {
  await expect(seal(KEY, SUITE_1, new Uint8Array(32), CONTEXT)).rejects.toThrow();
});

test.each([
  ["off the curve", Uint8Array.from([4, ...new Uint8Array(64).fill(1)])],
  ["compressed", Uint8Array.from([2, ...bytesOf(GENERATOR_X)])],
  ["of zeros", new Uint8Array(65)],
])("a public key of P-256 that is %s is refused", async (_, key) => {
  await expect(seal(KEY, SUITE_1P, key, CONTEXT)).rejects.toThrow();
});

test("text and bytes are the same", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = crypto.getRandomValues(new Uint8Array(length));
    expect(decodeText(encodeText(bytes))).toEqual(bytes);
  }
});
