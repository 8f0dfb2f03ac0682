// The half of a session key that signs: Ed25519 or ES256, from a PEM or a JWK; a handle whose printed form is its id.
// Counterpart: src/sealgate/session/keys.py. It must never print, store or send the private half.

import { createPrivateKey, createPublicKey, sign } from "node:crypto";

import { SessionKeyError } from "./errors.js";

const KID = /^[A-Za-z0-9_-]{1,64}$/;
const JWK_ALGORITHMS = { Ed25519: [undefined, "Ed25519", "EdDSA"], ES256: [undefined, "ES256"] };

export class SigningKey {
  #private;

  /** From `fromPem` or `fromJwk`. */
  constructor(privateKey, kid) {
    if (typeof kid !== "string" || !KID.test(kid)) {
      throw new SessionKeyError("The key has no usable id.", "Give the key id that the console shows.");
    }
    this.kid = kid;
    this.algorithm = algorithmOf(privateKey);
    this.#private = privateKey;
  }

  /** The key in an unencrypted PKCS#8 PEM, as the console's page hands it out. */
  static fromPem(pem, kid) {
    return new SigningKey(load({ key: pem, format: "pem" }, "Use unencrypted PKCS#8."), kid);
  }

  /** The key in a private JWK: an object, or its JSON. */
  static fromJwk(jwk, kid) {
    const parsed = typeof jwk === "string" ? parse(jwk) : jwk;
    if (typeof parsed?.d !== "string") {
      throw new SessionKeyError("The JWK has no private half.", "Paste the whole JSON that was saved.");
    }
    const privateKey = load({ key: parsed, format: "jwk" }, "Paste the whole JSON that was saved.");
    checkHalves(privateKey, parsed);
    return new SigningKey(privateKey, kid ?? parsed.kid);
  }

  /** The signature of a JWS over these bytes: 64 bytes for both algorithms (RFC 8037 §3.1, RFC 7518 §3.4). */
  signature(bytes) {
    if (this.algorithm === "Ed25519") return sign(null, bytes, this.#private);
    return sign("sha256", bytes, { key: this.#private, dsaEncoding: "ieee-p1363" });
  }

  toString() {
    return `<SigningKey ${this.kid}>`;
  }
}

function load(input, hint) {
  try {
    return createPrivateKey(input);
  } catch {
    // Node's own error may quote what it could not read, so it goes no further.
    throw new SessionKeyError("This is no usable private key.", hint);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new SessionKeyError("This is no JWK.", "Paste the whole JSON that was saved.");
  }
}

function algorithmOf(key) {
  if (key.asymmetricKeyType === "ed25519") return "Ed25519";
  const curve = key.asymmetricKeyDetails?.namedCurve;
  if (key.asymmetricKeyType === "ec" && curve === "prime256v1") return "ES256";
  throw new SessionKeyError("This is a key of another kind.", "Make an Ed25519 or a P-256 key pair.");
}

/** Node signs with `d` and does not look at `x` and `y`: a mixed-up JWK would sign what nobody can verify. */
function checkHalves(privateKey, jwk) {
  if (!JWK_ALGORITHMS[algorithmOf(privateKey)].includes(jwk.alg)) {
    throw new SessionKeyError("This is a JWK of another kind.", "Make an Ed25519 or a P-256 key pair.");
  }
  const own = createPublicKey(privateKey).export({ format: "jwk" });
  if (own.x !== jwk.x || own.y !== jwk.y) {
    throw new SessionKeyError(
      "The two halves of the JWK do not belong together.",
      "Paste it again, unchanged.",
    );
  }
}
