/**
 * A second look at a key that could be one, but does not look like this provider's: a hint, never a refusal.
 * Providers change their prefixes, so "Seal it anyway" is always there. No advice ever quotes the key.
 */

/** What keys begin with, the longer beginning first where one begins like another. Mistral's have no mark. */
const BEGINNINGS: readonly (readonly [
  provider: string,
  label: string,
  beginnings: readonly string[],
])[] = [
  ["anthropic", "Anthropic", ["sk-ant-"]],
  ["openrouter", "OpenRouter", ["sk-or-"]],
  ["groq", "Groq", ["gsk_"]],
  ["google", "Google", ["AIza", "AQ."]],
  ["openai", "OpenAI", ["sk-"]],
];

/** Servers of one's own take keys of any form, so nothing is odd about one. */
const ANY_FORM = ["vllm", "ollama", "openai-compatible"];

/** What to say before sealing, or null where nothing looks odd. */
export function adviceOn(provider: string, key: string): string | null {
  if (/^["'`<].*["'`>]$/.test(key)) {
    return "The key stands between quotation marks. Leave them out.";
  }
  if (/^[A-Za-z_]+[=:]/.test(key)) {
    return "This looks like a line of a settings file. Paste only what stands behind the sign.";
  }
  if (provider === "openai" && key.startsWith("sk-admin-")) {
    return "This looks like an admin key. It governs your whole OpenAI organization and cannot write text: make a project key.";
  }
  return ANY_FORM.includes(provider) ? null : adviceOnBeginning(provider, key);
}

function adviceOnBeginning(provider: string, key: string): string | null {
  const found = BEGINNINGS.find(([, , beginnings]) =>
    beginnings.some((each) => key.startsWith(each)),
  );
  if (found !== undefined) {
    return found[0] === provider ? null : `This looks like a key of another provider, ${found[1]}.`;
  }
  const expected = BEGINNINGS.find(([name]) => name === provider);
  if (expected === undefined) {
    return null;
  }
  const beginnings = expected[2].map((each) => `“${each}”`).join(" or ");
  return `${expected[1]}${expected[1].endsWith("s") ? "’" : "’s"} keys begin with ${beginnings}, and this one does not.`;
}
