export declare const MAX_LIFETIME_S: 3600;
export declare const DEFAULT_LIFETIME_S: 900;

/** `prompt`, `action:<id or *>` or `api:<endpoint or *>`. */
export type Permission = "prompt" | `action:${string}` | `api:${string}`;

export interface PrivateJwk {
  readonly kty: string;
  readonly crv?: string;
  readonly x?: string;
  readonly y?: string;
  readonly d?: string;
  readonly kid?: string;
  readonly alg?: string;
}

/** The half of a session key that signs; its printed form is its id. */
export declare class SigningKey {
  private constructor();
  readonly kid: string;
  readonly algorithm: "Ed25519" | "ES256";
  /** An unencrypted PKCS#8 PEM, as the console's page hands it out; throws SessionKeyError. */
  static fromPem(pem: string | Uint8Array, kid: string): SigningKey;
  /** A private JWK or its JSON; without `kid` the JWK's own counts; throws SessionKeyError. */
  static fromJwk(jwk: string | PrivateJwk, kid?: string): SigningKey;
  /** The 64 bytes of a JWS signature over these bytes. */
  signature(bytes: Uint8Array): Uint8Array;
  toString(): string;
}

export interface SignerOptions {
  /** `app_…`, on the application's page in the console. */
  readonly application: string;
  /** `inst_…`, beside it. */
  readonly instance: string;
  readonly signingKey: SigningKey;
  /** Milliseconds since 1970; `Date.now` by default. */
  readonly clock?: () => number;
}

export interface TokenOptions {
  /** Your own opaque reference of the signed-in user: an account id, not an e-mail address. */
  readonly user: string;
  /** `["action:*"]` by default. */
  readonly permissions?: readonly Permission[];
  /** The only browser origin that may use the token. */
  readonly origin?: string;
  /** Seconds, 900 by default, at most 3600. */
  readonly lifetimeS?: number;
  readonly plan?: string;
  /** A language tag such as `de-CH`. */
  readonly locale?: string;
  /** What limits count by; by default it follows from the user. Give one per sign-in to count each by itself. */
  readonly sid?: string;
}

/** Mints tokens for one application of one Sealgate instance; make it once, when the server starts. */
export declare class SessionSigner {
  constructor(options: SignerOptions);
  /** A compact JWS for this user's browser; throws MalformedClaims. */
  token(options: TokenOptions): string;
}

/** A key that cannot sign sessions. */
export declare class SessionKeyError extends Error {
  readonly code: "session_key_invalid";
  readonly hint: string;
}

/** A claim that the proxy would refuse. */
export declare class MalformedClaims extends Error {
  readonly code: "session_claims_invalid";
  readonly claim: string;
  readonly hint: string;
}
