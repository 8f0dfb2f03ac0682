/**
 * Every word that the assistant shows by itself, in one table; a host overrides any of them with the `texts` property.
 * `{name}` is filled in; where a count decides the grammar, an entry has one form per plural category of the language.
 * Labels of actions and parameters are not here: they come from the proxy, where the developer wrote them.
 */
type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { readonly other: string };
export type Text = string | Plural;

export const ENGLISH = {
  trigger: "Write with AI",
  panel: "Writing assistant",
  close: "Close",
  back: "Back",
  loading: "Loading…",
  actions: "What should be done?",
  noActions: "Nothing is switched on for you here yet. Your administrator can enable actions.",
  undo: "Undo the last replacement",

  scopeSelection: { one: "Selection, {n} word", other: "Selection, {n} words" },
  scopeField: { one: "Whole text, {n} word", other: "Whole text, {n} words" },
  scopeEmpty: "Write something first, then choose what should be done with it.",
  scopeNew: "There is no text yet. Say what should be written.",

  prompt: "Tell it what to write",
  promptText: "Tell it what to do with the text",
  send: "Send",
  asked: "You asked",
  followUp: "What should be different?",
  startOver: "Start over",
  startedOver: "Started over.",
  find: "Find",
  matches: { one: "{n} match", other: "{n} matches" },
  noMatch: "Nothing here by that name.",

  writing: "Writing…",
  stop: "Stop",
  done: { one: "Done, {n} word", other: "Done, {n} words" },
  stopped: { one: "Stopped, {n} word kept", other: "Stopped, {n} words kept" },
  stoppedEmpty: "Stopped before anything was written",
  failed: { one: "Interrupted, {n} word kept", other: "Interrupted, {n} words kept" },
  nothing: "The answer was empty.",
  cutByLength: "The answer reached its length limit and may end too early.",
  cutByFilter: "A content filter ended the answer early.",

  result: "Result",
  changes: "Changes",
  compare: "Side by side",
  original: "Original",
  view: "Show",
  version: "Version {n} of {total}",
  previousVersion: "Earlier version",
  nextVersion: "Later version",

  replace: "Replace",
  insert: "Insert below",
  insertNew: "Insert",
  copy: "Copy",
  again: "Try again",
  discard: "Discard",
  replaced: "Replaced. Undo brings the old text back.",
  inserted: "Inserted below.",
  insertedNew: "Inserted.",
  copied: "Copied",
  undone: "The old text is back.",
  discarded: "Discarded.",

  stale: "Your text has changed since. Insert the result below it or copy it.",
  readOnly: "This field cannot be changed. Copy the result instead.",
  tooLong: {
    one: "{n} character too long for this field.",
    other: "{n} characters too long for this field.",
  },

  notice: "AI-generated text. Check it before you use it.",
  allowance: { one: "{n} of {limit} requests left", other: "{n} of {limit} requests left" },
  perMinute: "{allowance} this minute",
  perHour: "{allowance} this hour",
  perDay: "{allowance} today",
  low: "Running low: {allowance}",
  budgetToday: "{n}% of your budget is left for today",
  budgetThisMonth: "{n}% of your budget is left for this month",
  usedUp: "You have used up your requests for now.",
  usedUpUntil: "You have used up your requests for now. The next one is there in {time}.",

  whoUser: "You can fix this",
  whoTime: "Time will fix this",
  whoAdministrator: "Your administrator can fix this",
  retryIn: "Try again in {time}",
  retryNow: "You can try again now.",
  seconds: { one: "{n} second", other: "{n} seconds" },
  minutes: { one: "{n} minute", other: "{n} minutes" },
  hours: { one: "{n} hour", other: "{n} hours" },
  days: { one: "{n} day", other: "{n} days" },
  reference: "Reference for your administrator",

  // By code, where there is something particular to say or to do; problem-words.ts names the codes that share words.
  "error.unreachable": "The assistant cannot be reached.",
  "hint.unreachable": "Check your connection, then try again.",
  "error.interrupted": "The connection ended before the answer did.",
  "hint.interrupted": "You can use what is there, or try again.",
  "error.session_unavailable": "You are not signed in any more.",
  "hint.session_unavailable":
    "Reload the page and log in again. Your text stays yours: copy it first if it is not saved.",
  "error.session_expired": "Your time here has run out.",
  "hint.session_expired": "Log in again, also in another tab, then try again.",
  "error.field_missing": "The text field of this assistant is missing on the page.",
  "hint.field_missing": "The page names a field that does not exist. Tell your administrator.",
  "error.unexpected_answer": "The assistant got an answer that it does not understand.",
  "hint.unexpected_answer":
    "Its address may be wrong, or it needs an update. Tell your administrator.",
  "error.copy_refused": "Your browser did not allow copying.",
  "hint.copy_refused": "Select the text and copy it with the keyboard.",
  "error.text_too_long": "The text is too long to be worked on at once.",
  "hint.text_too_long": "Select a shorter part, then try again.",
  "error.history_too_long": "This has gone back and forth for too long.",
  "hint.history_too_long": "Start over, with the text that you have now.",
  "error.content_refused": "This text is not worked on, because of what it says.",
  "hint.content_refused": "Change the text or select another part.",
  "error.rate_limited": "You have used up your requests for now.",
  "hint.rate_limited": "Wait a moment. Your text stays as it is.",
  "error.budget_used_up": "The budget for writing with AI is used up for now.",
  "hint.budget_used_up": "It begins anew by itself. Your text stays as it is.",
  "error.budget_cut": "The budget was used up while this was written.",
  "hint.budget_cut": "You can use what is there. The budget begins anew by itself.",
  "error.too_many_streams": "Too many answers are being written for you at once.",
  "hint.too_many_streams": "Wait for one of them to end, or stop one.",
  "error.provider_rate_limited": "The service is busy.",
  "hint.provider_rate_limited": "Wait a moment. Your text stays as it is.",
  "error.provider_quota_exhausted": "The budget for writing with AI is used up here.",
  "hint.provider_quota_exhausted": "Tell your administrator. Your text stays as it is.",
  "error.application_inactive": "Writing with AI is switched off here.",
  "hint.application_inactive": "Ask your administrator about it. Your text stays as it is.",
  "error.permission_missing": "You may not do this here.",
  "hint.permission_missing": "Ask your administrator for it.",

  // By who can fix it, for every other code.
  "error.user": "This cannot be done as it stands.",
  "hint.user": "Change the text or the choice, then try again.",
  "error.time": "The service did not answer as it should.",
  "hint.time": "Wait a moment, then try again. Your text stays as it is.",
  "error.administrator": "The assistant cannot work here at the moment.",
  "hint.administrator":
    "Tell your administrator, with the reference below. Your text stays as it is.",
} as const satisfies Readonly<Record<string, Text>>;

export type TextKey = keyof typeof ENGLISH;
/** Overrides. `error.<code>` and `hint.<code>` also reword any error of the proxy by its code. */
export type Texts = Readonly<Partial<Record<TextKey | `error.${string}` | `hint.${string}`, Text>>>;
type Fill = Readonly<Record<string, string | number>>;

export class Wording {
  readonly #overrides: Texts;
  /** The usable language tag, or undefined for the browser's own. */
  readonly locale: string | undefined;

  /** `locale` is a BCP 47 tag; an unusable one counts as the browser's own. */
  constructor(overrides: Texts = {}, locale?: string) {
    this.#overrides = overrides;
    this.locale = usable(locale);
  }

  say(key: TextKey, fill: Fill = {}): string {
    // The notice may be reworded and translated, but not lost by an empty override.
    const text = this.#overrides[key] || ENGLISH[key];
    return this.#fill(text, fill);
  }

  /** The host's own words for an error code, else this table's, else null. */
  ofProblem(kind: "error" | "hint", code: string): string | null {
    const key = `${kind}.${code}` as const;
    const text = this.#overrides[key] ?? (key in ENGLISH ? ENGLISH[key as TextKey] : null);
    return text === null ? null : this.#fill(text, {});
  }

  /** Whether the host gave words of its own for this. */
  overrides(key: TextKey): boolean {
    return Boolean(this.#overrides[key]);
  }

  number(value: number): string {
    return new Intl.NumberFormat(this.locale).format(value);
  }

  #fill(text: Text, fill: Fill): string {
    const pattern = typeof text === "string" ? text : this.#form(text, Number(fill.n));
    return pattern.replace(/\{(\w+)\}/g, (whole, name: string) => this.#show(fill[name]) ?? whole);
  }

  #form(text: Plural, count: number): string {
    return text[new Intl.PluralRules(this.locale).select(count)] ?? text.other;
  }

  #show(value: string | number | undefined): string | undefined {
    return typeof value === "number" ? this.number(value) : value;
  }
}

function usable(locale: string | undefined): string | undefined {
  try {
    return locale ? Intl.getCanonicalLocales(locale)[0] : undefined;
  } catch {
    return undefined;
  }
}
