/**
 * A second look at a key that could be one, but does not look like this provider's: a hint, never a refusal.
 * Providers change their prefixes, so "Seal it anyway" is always there. No advice ever quotes the key.
 */

/** What to say before sealing, or null where nothing looks odd. */
export function adviceOn(provider: string, key: string): string | null {
  if (/^["'`<].*["'`>]$/.test(key)) {
    return "The key stands between quotation marks. Leave them out.";
  }
  if (/^[A-Za-z_]+[=:]/.test(key)) {
    return "This looks like a line of a settings file. Paste only what stands behind the sign.";
  }
  return provider === "openai" ? adviceOnOpenAi(key) : null;
}

function adviceOnOpenAi(key: string): string | null {
  if (key.startsWith("sk-ant-")) {
    return "This looks like a key of another provider, Anthropic.";
  }
  if (key.startsWith("sk-admin-")) {
    return "This looks like an admin key. It governs your whole OpenAI organization and cannot write text: make a project key.";
  }
  if (!key.startsWith("sk-")) {
    return "OpenAI's keys begin with “sk-”, and this one does not.";
  }
  return null;
}
