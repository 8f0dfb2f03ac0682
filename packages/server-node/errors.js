// What can be wrong with a key or with claims: `code` is stable, `hint` gives the next step.
// Counterpart: sealgate.session's errors of the same names. No message may quote a key, a token or a user.

class SealgateError extends Error {
  constructor(code, message, hint) {
    super(`${message} hint: ${hint}`);
    this.name = new.target.name;
    this.code = code;
    this.hint = hint;
  }
}

/** A key that cannot sign sessions. */
export class SessionKeyError extends SealgateError {
  constructor(message, hint) {
    super("session_key_invalid", message, hint);
  }
}

/** A claim that the proxy would refuse; `claim` names it. */
export class MalformedClaims extends SealgateError {
  constructor(claim, expected) {
    super(
      "session_claims_invalid",
      `The session's claim '${claim}' is not usable: ${expected}.`,
      `Correct '${claim}' where your server signs its sessions.`,
    );
    this.claim = claim;
  }
}
