// Signs session tokens: what a host application's Node.js server calls for its signed-in user.
// Counterparts: src/sealgate/session/signer.py, which writes the same tokens; the proxy, which verifies them.
// It belongs on a server: whoever holds the signing key can spend.

import { createHash } from "node:crypto";

import { DEFAULT_LIFETIME_S, MAX_LIFETIME_S, checkClaims } from "./claims.js";
import { MalformedClaims, SessionKeyError } from "./errors.js";
import { SigningKey } from "./keys.js";

export { DEFAULT_LIFETIME_S, MAX_LIFETIME_S, MalformedClaims, SessionKeyError, SigningKey };

const TYPE = "sealgate-session+jwt";
const MAX_TOKEN_BYTES = 4096;

/** Mints tokens for one application of one Sealgate instance; make it once, when the server starts. */
export class SessionSigner {
  #application;
  #instance;
  #signingKey;
  #clock;

  constructor({ application, instance, signingKey, clock = Date.now }) {
    this.#application = application;
    this.#instance = instance;
    this.#signingKey = signingKey;
    this.#clock = clock;
  }

  /**
   * A token for this signed-in user, to be handed to their browser; throws MalformedClaims.
   * Limits count by `sid`: without one it follows from the user, so that a browser gains nothing by asking again.
   */
  token({
    user,
    permissions = ["action:*"],
    origin,
    lifetimeS = DEFAULT_LIFETIME_S,
    plan,
    locale,
    sid,
  }) {
    const issuedAt = Math.floor(this.#clock() / 1000);
    const claims = {
      aud: this.#instance,
      app: this.#application,
      sub: user,
      sid: sid || this.#sidOf(user),
      iat: issuedAt,
      exp: issuedAt + lifetimeS,
      perm: permissions,
      plan,
      origin,
      locale,
    };
    checkClaims(claims);
    return this.#sign(claims);
  }

  #sign(claims) {
    const header = { alg: this.#signingKey.algorithm, typ: TYPE, kid: this.#signingKey.kid };
    const signed = `${segment(JSON.stringify(header))}.${segment(JSON.stringify(claims))}`;
    const token = `${signed}.${this.#signingKey.signature(Buffer.from(signed)).toString("base64url")}`;
    if (token.length > MAX_TOKEN_BYTES) {
      throw new MalformedClaims("perm", `the token must fit in ${MAX_TOKEN_BYTES} bytes`);
    }
    return token;
  }

  #sidOf(user) {
    const digest = createHash("sha256").update(`${this.#application}\0${user}`).digest();
    return digest.subarray(0, 15).toString("base64url");
  }
}

function segment(text) {
  return Buffer.from(text).toString("base64url");
}
