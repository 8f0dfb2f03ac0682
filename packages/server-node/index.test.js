// Counterpart: tests/hosts/test_node.py, which has sealgate.session verify what is signed here.

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";

import { MalformedClaims, SessionKeyError, SessionSigner, SigningKey } from "./index.js";

const application = "app_aaaaaaaaaaaaaaaaaaaa";
const instance = "inst_bbbbbbbbbbbbbbbbbbbb";
const pairs = {
  Ed25519: () => generateKeyPairSync("ed25519"),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
};
const pem = (pair) => pair.privateKey.export({ type: "pkcs8", format: "pem" });
const jwk = (pair) => pair.privateKey.export({ format: "jwk" });

function signerOf(signingKey) {
  return new SessionSigner({ application, instance, signingKey, clock: () => 1_700_000_000_900 });
}

function read(token) {
  const [header, claims] = token.split(".").slice(0, 2);
  return [header, claims].map((each) => JSON.parse(Buffer.from(each, "base64url")));
}

for (const [algorithm, make] of Object.entries(pairs)) {
  test(`${algorithm}: a token says who, what and until when, and its signature verifies`, () => {
    const pair = make();
    const token = signerOf(SigningKey.fromPem(pem(pair), "key_1")).token({ user: "account-17" });
    const [header, claims] = read(token);
    assert.deepEqual(header, { alg: algorithm, typ: "sealgate-session+jwt", kid: "key_1" });
    assert.deepEqual(claims, {
      aud: instance,
      app: application,
      sub: "account-17",
      sid: claims.sid,
      iat: 1_700_000_000,
      exp: 1_700_000_900,
      perm: ["action:*"],
    });
    const end = token.lastIndexOf(".");
    const signature = Buffer.from(token.slice(end + 1), "base64url");
    const hash = algorithm === "ES256" ? "sha256" : null;
    const key = { key: pair.publicKey, dsaEncoding: "ieee-p1363" };
    assert.ok(verify(hash, Buffer.from(token.slice(0, end)), key, signature));
  });

  test(`${algorithm}: a JWK is the same key as its PEM, and brings its own id`, () => {
    const pair = make();
    const key = SigningKey.fromJwk(JSON.stringify({ ...jwk(pair), kid: "key_2" }));
    assert.equal(key.kid, "key_2");
    assert.equal(key.algorithm, algorithm);
    const signature = key.signature(Buffer.from("x"));
    const check = { key: createPublicKey(pem(pair)), dsaEncoding: "ieee-p1363" };
    assert.ok(verify(algorithm === "ES256" ? "sha256" : null, Buffer.from("x"), check, signature));
  });

  test(`${algorithm}: a JWK whose halves do not belong together is refused`, () => {
    const mixed = { ...jwk(make()), x: jwk(make()).x, kid: "key_3" };
    assert.throws(() => SigningKey.fromJwk(mixed), SessionKeyError);
  });
}

test("the sid follows from the user, and one that is given takes its place", () => {
  const signer = signerOf(SigningKey.fromPem(pem(pairs.Ed25519()), "key_1"));
  const sidOf = (options) => read(signer.token(options))[1].sid;
  assert.equal(sidOf({ user: "a" }), sidOf({ user: "a" }));
  assert.notEqual(sidOf({ user: "a" }), sidOf({ user: "b" }));
  assert.equal(sidOf({ user: "a", sid: "sign-in-1" }), "sign-in-1");
});

for (const [claim, options] of [
  ["exp", { lifetimeS: 3601 }],
  ["exp", { lifetimeS: 0 }],
  ["exp", { lifetimeS: 1.5 }],
  ["exp", { lifetimeS: "900" }],
  ["sub", { user: "" }],
  ["sub", { user: 17 }],
  ["sub", { user: "a\nb" }],
  ["sub", { user: "\ud800" }],
  ["sid", { sid: "a b" }],
  ["origin", { origin: "https://app.example/" }],
  ["origin", { origin: "https://app.example\n" }],
  ["locale", { locale: "de_CH" }],
  ["perm", { permissions: ["admin"] }],
  ["perm", { permissions: "action:*" }],
]) {
  test(`${claim} is refused where the proxy would refuse it: ${JSON.stringify(options)}`, () => {
    const signer = signerOf(SigningKey.fromPem(pem(pairs.Ed25519()), "key_1"));
    assert.throws(
      () => signer.token({ user: "account-17", ...options }),
      (error) => error instanceof MalformedClaims && error.claim === claim && error.hint !== "",
    );
  });
}

for (const [name, make] of [
  ["an RSA key", () => SigningKey.fromPem(pem(generateKeyPairSync("rsa", { modulusLength: 2048 })), "key_1")],
  ["another curve", () => SigningKey.fromPem(pem(generateKeyPairSync("ec", { namedCurve: "P-384" })), "key_1")],
  ["a public JWK", () => SigningKey.fromJwk(pairs.Ed25519().publicKey.export({ format: "jwk" }), "key_1")],
  ["no JSON", () => SigningKey.fromJwk("{", "key_1")],
  ["no PEM", () => SigningKey.fromPem("secret", "key_1")],
  ["no id", () => SigningKey.fromPem(pem(pairs.Ed25519()))],
]) {
  test(`${name} is refused as a signing key`, () => {
    assert.throws(make, (error) => error instanceof SessionKeyError && !error.message.includes("secret"));
  });
}

test("a signing key prints its id and nothing of its private half", () => {
  const pair = pairs.Ed25519();
  const key = SigningKey.fromPem(pem(pair), "key_1");
  const printed = `${key} ${inspect(key, { showHidden: true, depth: 9 })} ${JSON.stringify(key)}`;
  assert.ok(printed.includes("key_1"));
  assert.ok(!printed.includes(jwk(pair).d));
});
