/**
 * The free prompt's conversation: earlier pairs of prompt and answer, newest last, as a follow-up sends them along.
 * Its counterpart is the proxy's POST /assistant/v1/prompt, which refuses more than it allows.
 * It is kept in memory alone, with the versions that it led to.
 */
export interface Turn {
  readonly prompt: string;
  readonly answer: string;
}

/** The longest prompt that the proxy takes. */
export const PROMPT_LIMIT = 4_000;

/** The most characters of earlier turns that the proxy takes. */
const HISTORY_LIMIT = 80_000;

/** The newest turns that may be sent along: at most `most` of them, and no more text than the proxy takes. */
export function recent(turns: readonly Turn[], most: number): readonly Turn[] {
  const kept = most > 0 ? turns.slice(-most) : [];
  while (length(kept) > HISTORY_LIMIT) kept.shift();
  return kept;
}

function length(turns: readonly Turn[]): number {
  return turns.reduce((sum, { prompt, answer }) => sum + prompt.length + answer.length, 0);
}
