/**
 * The shape that every provider key must have; the sealing page checks it before sealing, the vault again after opening.
 * Its counterpart is src/sealgate/envelope/provider_key.py, word for word. No message ever quotes a key.
 */

export type KeyProblem =
  | "empty"
  | "line_break"
  | "space"
  | "control"
  | "non_ascii"
  | "too_short"
  | "too_long"
  | "layout";

export const MIN_KEY_BYTES = 20;
export const MAX_KEY_BYTES = 510;

/** problem → what is wrong, what to do */
const TEXTS: Readonly<Record<KeyProblem, readonly [message: string, hint: string]>> = {
  empty: ["There is no key.", "Copy the key from the provider's page and paste it here."],
  line_break: [
    "The key contains a line break.",
    "Copy the key alone, without the end of the line, and paste it again.",
  ],
  space: [
    "The key contains a space.",
    "Copy the key alone, with nothing before, inside or after it.",
  ],
  control: [
    "The key contains an invisible control character.",
    "Copy the key again from the provider's page.",
  ],
  non_ascii: [
    "The key contains a character that no provider key has.",
    "Copy the key again: keys are plain letters, digits and signs.",
  ],
  too_short: [
    "The key is too short.",
    `A key has at least ${MIN_KEY_BYTES} characters: copy the whole of it.`,
  ],
  too_long: [
    "The key is too long.",
    `A key has at most ${MAX_KEY_BYTES} characters: copy the key alone.`,
  ],
  layout: [
    "The sealed text is not laid out as a key.",
    "Seal the key again with the sealing page or the command line.",
  ],
};

/** The text is not a possible provider key; `reason` says why, `hint` what to do. */
export class KeyFormatError extends Error {
  readonly code = "key_format";
  readonly reason: KeyProblem;
  readonly hint: string;

  constructor(reason: KeyProblem) {
    super(TEXTS[reason][0]);
    this.name = "KeyFormatError";
    this.reason = reason;
    this.hint = TEXTS[reason][1];
  }
}

/** Throw KeyFormatError unless the key is 20 to 510 bytes of 0x21 to 0x7e. */
export function checkProviderKey(key: Uint8Array): void {
  checkCharacters(key);
  if (key.length === 0) throw new KeyFormatError("empty");
  if (key.length < MIN_KEY_BYTES) throw new KeyFormatError("too_short");
  if (key.length > MAX_KEY_BYTES) throw new KeyFormatError("too_long");
}

/** Throw KeyFormatError at the first byte that no provider key has; any length will do, so that a pasted piece can be checked. */
export function checkCharacters(piece: Uint8Array): void {
  const foreign = piece.find((byte) => byte < 0x21 || byte > 0x7e);
  if (foreign !== undefined) throw new KeyFormatError(problemOf(foreign));
}

function problemOf(byte: number): KeyProblem {
  if (byte === 0x0a || byte === 0x0d) return "line_break";
  if (byte === 0x20) return "space";
  return byte >= 0x80 ? "non_ascii" : "control";
}
