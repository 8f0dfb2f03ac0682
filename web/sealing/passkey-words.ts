/**
 * What the vault's pages say where a passkey gave nothing: one literal table, a text for every reason.
 * Browsers tell pages little on purpose, so a text names every cause that it may have had.
 */
import type { PasskeyReason } from "./passkeys.ts";

type Words = Readonly<Record<PasskeyReason, string>>;

const ANYTHING: Words = {
  unsupported:
    "This browser is too old for passkeys, or knows none of their kinds that the vault takes. Update it, or take another.",
  dismissed:
    "The browser's dialog was closed, or found no passkey that fits. Try again when it is at hand.",
  timed_out: "Nobody answered the browser's dialog for two minutes. Try again when you are ready.",
  none_here:
    "No passkey of an administrator answered: there is none here, it did not know the person, or a policy of this device forbids it. Try again with the device or security key that holds one.",
  made_already: "This device holds a passkey of yours for this vault already.",
  unverified:
    "The passkey cannot tell who uses it, and the vault asks for that. Set a PIN or a fingerprint on it, then try again.",
  forbidden:
    "This browser allows the vault's passkeys at the vault's own address alone, over TLS. Ask your administrator for that address.",
  failed: "The passkey could not be used, and the browser does not say why. Try again.",
};

/** While a passkey signs. */
export const SIGNING: Words = ANYTHING;

/** While one is made. */
export const MAKING: Words = {
  ...ANYTHING,
  dismissed: "The browser's dialog was closed, and no passkey was made. Try again.",
  none_here:
    "No passkey was made: there is nothing here to keep one, or a policy of this device forbids it. Try again on another device, or with a security key.",
  made_already:
    "This device holds a passkey of yours for this vault already. Use another device or security key: the second one is for the day when the first is lost.",
};
