/**
 * Passkeys (WebAuthn Level 3), as the vault's pages use them: make one, or have one sign a challenge.
 * Their counterpart is the vault, which alone verifies. The browser's own errors are mapped here, once, to a reason
 * that the pages have words for. No DOM here, and nothing is stored.
 */
import { type Bytes, encodeText } from "../shared/envelope.ts";
import type { Answer } from "./vault.ts";

/** Why a passkey gave nothing. */
export type PasskeyReason =
  | "unsupported"
  | "dismissed"
  | "timed_out"
  | "none_here"
  | "made_already"
  | "unverified"
  | "forbidden"
  | "failed";

/** The browser or its person did not give what was asked; nothing was signed or made. */
export class PasskeyError extends Error {
  readonly reason: PasskeyReason;

  constructor(reason: PasskeyReason) {
    super(`no passkey: ${reason}`);
    this.name = "PasskeyError";
    this.reason = reason;
  }
}

/** Whose passkeys may answer: a name of the vault's host, and credential ids. */
export interface Allowed {
  readonly rpId: string;
  readonly allow: readonly Bytes[];
}

/** A passkey's signature over a challenge. */
export interface Assertion {
  readonly id: Bytes;
  readonly clientData: Bytes;
  readonly authenticatorData: Bytes;
  readonly signature: Bytes;
}

/** A passkey that was made just now. */
export interface Attestation {
  readonly id: Bytes;
  readonly clientData: Bytes;
  readonly attestationObject: Bytes;
  readonly transports: readonly string[];
}

/** For whom a passkey is made. */
export interface Enrolling {
  readonly rp: { readonly id: string; readonly name: string };
  readonly user: { readonly id: Bytes; readonly name: string };
  readonly challenge: Bytes;
  /** Passkeys that this person has already. */
  readonly exclude: readonly Bytes[];
}

export const TIMEOUT_MS = 120_000;
/** Nobody closes a dialog faster than this: a refusal before it is the browser's own. */
const FASTEST_PERSON_MS = 350;
/** COSE: EdDSA, ES256, RS256. */
const ALGORITHMS = [-8, -7, -257];

/** Whether this browser knows passkeys at all; whether somebody has one here, no page may ask. */
export function knowsPasskeys(): boolean {
  return typeof PublicKeyCredential === "function" && navigator.credentials !== undefined;
}

/** Have one of the allowed passkeys sign the challenge. Rejects with PasskeyError, or as the signal says. */
export async function sign(
  { rpId, allow }: Allowed,
  challenge: Bytes,
  signal: AbortSignal,
): Promise<Assertion> {
  const publicKey: PublicKeyCredentialRequestOptions = {
    challenge,
    rpId,
    allowCredentials: allow.map(descriptor),
    userVerification: "required",
    timeout: TIMEOUT_MS,
  };
  const { rawId, response } = await asked(() => navigator.credentials.get({ publicKey, signal }));
  if (!(response instanceof AuthenticatorAssertionResponse)) throw new PasskeyError("failed");
  return {
    id: new Uint8Array(rawId),
    clientData: new Uint8Array(response.clientDataJSON),
    authenticatorData: new Uint8Array(response.authenticatorData),
    signature: new Uint8Array(response.signature),
  };
}

/** Make a passkey for somebody. Rejects with PasskeyError, or as the signal says. */
export async function make(
  { rp, user, challenge, exclude }: Enrolling,
  signal: AbortSignal,
): Promise<Attestation> {
  const publicKey: PublicKeyCredentialCreationOptions = {
    rp,
    user: { id: user.id, name: user.name, displayName: user.name },
    challenge,
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
    excludeCredentials: exclude.map(descriptor),
    authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
    attestation: "none",
    timeout: TIMEOUT_MS,
  };
  const { rawId, response } = await asked(() =>
    navigator.credentials.create({ publicKey, signal }),
  );
  if (!(response instanceof AuthenticatorAttestationResponse)) throw new PasskeyError("failed");
  return {
    id: new Uint8Array(rawId),
    clientData: new Uint8Array(response.clientDataJSON),
    attestationObject: new Uint8Array(response.attestationObject),
    transports: response.getTransports?.() ?? [],
  };
}

/** Read `{rp_id, allow}`. */
export function allowedIn(answer: Answer): Allowed {
  return { rpId: answer.text("rp_id"), allow: answer.listOfBytes("allow") };
}

/** Write an assertion as the vault reads it. */
export function assertionBody(assertion: Assertion): Readonly<Record<string, string>> {
  return {
    id: encodeText(assertion.id),
    client_data: encodeText(assertion.clientData),
    authenticator_data: encodeText(assertion.authenticatorData),
    signature: encodeText(assertion.signature),
  };
}

function descriptor(id: Bytes): PublicKeyCredentialDescriptor {
  return { type: "public-key", id };
}

async function asked(asking: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (!knowsPasskeys()) throw new PasskeyError("unsupported");
  const beganMs = performance.now();
  const credential = await asking().catch((error: unknown) => {
    throw mapped(error, performance.now() - beganMs);
  });
  if (!(credential instanceof PublicKeyCredential)) throw new PasskeyError("failed");
  return credential;
}

/** WebAuthn §5.1.3 and §5.1.4; a signal's own reason passes through. */
function mapped(error: unknown, afterMs: number): unknown {
  if (!(error instanceof DOMException)) return new PasskeyError("failed");
  if (error.name === "AbortError") return error;
  return new PasskeyError(error.name === "NotAllowedError" ? refusal(afterMs) : reasonOf(error));
}

function reasonOf(error: DOMException): PasskeyReason {
  const reasons: Readonly<Record<string, PasskeyReason>> = {
    InvalidStateError: "made_already",
    ConstraintError: "unverified",
    NotSupportedError: "unsupported",
    SecurityError: "forbidden",
  };
  return reasons[error.name] ?? "failed";
}

/** One error means no, too late, nothing here and not allowed, so that pages learn nothing; time tells some apart. */
function refusal(afterMs: number): PasskeyReason {
  if (afterMs >= TIMEOUT_MS) return "timed_out";
  return afterMs < FASTEST_PERSON_MS ? "none_here" : "dismissed";
}
