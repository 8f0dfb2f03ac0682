// The form of every claim, checked before a token is signed, so that a mistake shows here and not in the proxy.
// Counterpart: src/sealgate/session/claims.py; the same patterns, the same words.

import { MalformedClaims } from "./errors.js";

export const MAX_LIFETIME_S = 3600;
export const DEFAULT_LIFETIME_S = 900;
const MAX_PERMISSIONS = 64;

const PERMISSION =
  /^(?:prompt|action:(?:\*|[a-z][a-z0-9-]{0,47})|api:(?:\*|[a-z_]{1,32}(?:\.[a-z_]{1,32}){0,3}))$/;

// One row per claim that has a text form: its pattern, and the words for a pattern that was missed.
const TEXT_CLAIMS = {
  app: [/^app_[a-z2-7]{20}$/, "it must be an application id such as 'app_…'"],
  sub: [
    // Half a surrogate pair (\p{Cs}) would be no UTF-8.
    /^[^\u0000-\u001f\u007f-\u009f\p{Cs}]{1,256}$/u,
    "it must be 1 to 256 characters, none of them a control",
  ],
  sid: [/^[A-Za-z0-9._~:-]{1,128}$/, "it must be 1 to 128 characters of A-Z a-z 0-9 . _ ~ : -"],
  plan: [/^[A-Za-z0-9._-]{1,64}$/, "it must be 1 to 64 characters of A-Z a-z 0-9 . _ -"],
  origin: [
    /^https?:\/\/(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?$/,
    "it must be an origin such as 'https://www.example.com': lower case, no path",
  ],
  locale: [/^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}$/, "it must be a language tag such as 'de-CH'"],
};
const OPTIONAL = new Set(["plan", "origin", "locale"]);

/** Throws MalformedClaims naming the first claim that the proxy would refuse. */
export function checkClaims(claims) {
  if (typeof claims.aud !== "string" || claims.aud === "") {
    throw new MalformedClaims("aud", "it must be the instance's id such as 'inst_…'");
  }
  for (const [name, [pattern, expected]] of Object.entries(TEXT_CLAIMS)) {
    const text = claims[name];
    if (text === undefined && OPTIONAL.has(name)) continue;
    if (typeof text !== "string" || !pattern.test(text)) throw new MalformedClaims(name, expected);
  }
  checkPermissions(claims.perm);
  const lifetimeS = claims.exp - claims.iat;
  if (!Number.isSafeInteger(lifetimeS) || lifetimeS < 1 || lifetimeS > MAX_LIFETIME_S) {
    throw new MalformedClaims("exp", `it must be 1 to ${MAX_LIFETIME_S} seconds after 'iat'`);
  }
}

function checkPermissions(permissions) {
  if (!Array.isArray(permissions) || permissions.length > MAX_PERMISSIONS) {
    throw new MalformedClaims("perm", `it must be a list of at most ${MAX_PERMISSIONS} permissions`);
  }
  if (!permissions.every((each) => typeof each === "string" && PERMISSION.test(each))) {
    throw new MalformedClaims(
      "perm",
      "each must be 'prompt', 'action:<id or *>' or 'api:<endpoint or *>'",
    );
  }
}
