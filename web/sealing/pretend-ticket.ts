/** What a vault would answer to the sealing page: for its tests alone. */
import { encodeText } from "../shared/envelope.ts";

export const NOW_MS = Date.UTC(2030, 0, 1, 12);
export const KEY = "sk-proj-0123456789abcdefghijklmnopqrstuvWXYZ";

export async function publicText(pair: CryptoKeyPair): Promise<string> {
  return encodeText(new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey)));
}

/** The view of a ticket; `pairs` are the sealing keys of suites 1 and, where there is a second, 1p. */
export async function ticket(...pairs: CryptoKeyPair[]): Promise<Record<string, unknown>> {
  return {
    instance: "inst_k7q2m4x6z3b5n8r2t4w6",
    organization: { id: "org_a2b3c4d5e6f7g2h3j4k5", name: "Larkspur <b>Press</b>" },
    application: { id: "app_m2n3p4q5r6s7t2u3v4w5", name: "Newsletter" },
    credential: "cred_x2y3z4a5b6c7d2e3f4g5",
    version: 1,
    provider: { id: "openai", label: "OpenAI" },
    origin: "https://api.openai.com",
    epoch: 1,
    keys: await Promise.all(
      pairs.map(async (pair, at) => ({
        suite: at + 1,
        key_id: encodeText(new Uint8Array(16).fill(at === 0 ? 0 : 2)),
        public_key: await publicText(pair),
      })),
    ),
    expires_at: NOW_MS / 1000 + 600,
    return_url: "https://console.example/applications/1",
    replaces: false,
    stage: false,
    passkey: null,
  };
}

export function receipt(): Record<string, unknown> {
  return {
    credential: "cred_x2y3z4a5b6c7d2e3f4g5",
    version: 1,
    last_four: "WXYZ",
    fingerprint: "7f3a-91c2",
    return_url: "https://console.example/applications/1",
    approved_by: null,
  };
}
