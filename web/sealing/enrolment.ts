/**
 * What the enrolment page says to the vault: whom is this invitation for; here is their passkey.
 * Its counterpart is the vault's public listener. No DOM here. Only public halves of passkeys pass.
 */
import { encodeText } from "../shared/envelope.ts";
import type { Attestation, Enrolling } from "./passkeys.ts";
import { post, read } from "./vault.ts";

/** What the vault's own record says of an invitation. */
export interface Invitation extends Enrolling {
  readonly administrator: string;
  readonly name: string;
  /** What the administrator may approve for; null for the whole vault. */
  readonly organization: { readonly id: string; readonly name: string } | null;
  readonly expiresAtMs: number;
  /** They have a passkey already, and add one. */
  readonly again: boolean;
}

/** What the vault keeps now. */
export interface Enrolled {
  readonly administrator: string;
  readonly name: string;
  /** How many passkeys this administrator has. */
  readonly passkeys: number;
  /** The new one's, in words. */
  readonly fingerprint: string;
}

/** Ask whom an invitation is for; this does not use it up. Rejects with Refusal or NoAnswer. */
export async function viewInvitation(invitation: string): Promise<Invitation> {
  return read(await post("/enrol/invitation", { invitation }), (answer) => ({
    administrator: answer.text("administrator"),
    name: answer.text("name"),
    organization: answer.optional("organization", (part) => ({
      id: part.text("id"),
      name: part.text("name"),
    })),
    rp: { id: answer.part("rp").text("id"), name: answer.part("rp").text("name") },
    user: { id: answer.part("user").bytes("id"), name: answer.part("user").text("name") },
    challenge: answer.bytes("challenge"),
    exclude: answer.listOfBytes("exclude"),
    expiresAtMs: answer.number("expires_at") * 1000,
    again: answer.flag("again"),
  }));
}

/** Hand the public half over; this uses the invitation up. Rejects with Refusal or NoAnswer. */
export async function enrol(invitation: string, made: Attestation): Promise<Enrolled> {
  const body = {
    invitation,
    id: encodeText(made.id),
    client_data: encodeText(made.clientData),
    attestation_object: encodeText(made.attestationObject),
    transports: made.transports,
  };
  return read(await post("/enrol", body), (answer) => ({
    administrator: answer.text("administrator"),
    name: answer.text("name"),
    passkeys: answer.number("passkeys"),
    fingerprint: answer.text("fingerprint"),
  }));
}
