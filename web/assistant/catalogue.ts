/**
 * What this session may do, as the proxy answers GET /assistant/v1/me: actions, parameters, rights, allowance, notice.
 * Its counterpart is the proxy's assistant module; the reading of that JSON stands here and nowhere else.
 * It never holds a prompt: an action is an id with words for people.
 */
import { isRecord, listOf, numberOr, textOr } from "./json.ts";

export interface Choice {
  readonly value: string;
  readonly label: string;
}

export interface Parameter {
  readonly id: string;
  readonly label: string;
  readonly choices: readonly Choice[];
  readonly default: string;
}

export interface Action {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  readonly parameters: readonly Parameter[];
}

export interface Allowance {
  readonly limit: number;
  readonly remaining: number;
  readonly windowS: number;
  readonly resetS: number;
}

/** The budget that is nearest to its end, of those that are the user's own. */
export interface Budget {
  /** What is left of it, 0 to 1. */
  readonly share: number;
  readonly window: "day" | "month";
}

export interface Catalogue {
  readonly actions: readonly Action[];
  /** Whether the user may say in their own words what is to be written. */
  readonly canPrompt: boolean;
  /** How many earlier turns a follow-up may send along. */
  readonly followUps: number;
  readonly allowance: Allowance | null;
  readonly budget: Budget | null;
  readonly notice: string;
}

/** Values chosen for an action, by parameter id. */
export type Values = Readonly<Record<string, string>>;

/** What a policy allows that says nothing else. */
const USUAL_FOLLOW_UPS = 6;

/** Null when the answer is not a catalogue at all; single unreadable entries are left out. */
export function readCatalogue(body: unknown): Catalogue | null {
  if (!isRecord(body) || !Array.isArray(body.actions)) return null;
  const rights = isRecord(body.rights) ? body.rights : {};
  return {
    actions: listOf(body.actions, readAction),
    canPrompt: rights.prompt === true,
    followUps: numberOr(rights.follow_ups, USUAL_FOLLOW_UPS),
    allowance: isRecord(body.allowance) ? readAllowance(body.allowance.requests) : null,
    budget: isRecord(body.allowance) ? readBudget(body.allowance.budget) : null,
    notice: textOr(body.notice, ""),
  };
}

export function defaults(action: Action): Values {
  return Object.fromEntries(action.parameters.map(({ id, default: value }) => [id, value]));
}

/** Whether the parameter is the language to write in, with language tags (BCP 47) for values. */
export function isLanguage({ id }: Parameter): boolean {
  return /^(target[-_])?language$/.test(id);
}

const TAG = /^[a-z]{2,3}(-[a-z\d]{2,8})*$/i;

/** The language that these values ask the answer to be in; null where no parameter is one. */
export function languageOf({ parameters }: Action, values: Values): string | null {
  const asked = parameters.find(isLanguage);
  const value = asked && values[asked.id];
  return value && TAG.test(value) ? value : null;
}

/** A language by its name in the reader's own; empty for other choices, and where the label is that name. */
export function localName(parameter: Parameter, choice: Choice, locale?: string): string {
  if (!isLanguage(parameter) || !TAG.test(choice.value)) return "";
  try {
    const name = new Intl.DisplayNames(locale, { type: "language" }).of(choice.value) ?? "";
    return name.toLowerCase() === choice.label.toLowerCase() ? "" : name;
  } catch {
    return ""; // It has the form of a tag, and is none.
  }
}

function readAction(value: unknown): Action | null {
  if (!isRecord(value)) return null;
  const id = textOr(value.id, null);
  const label = textOr(value.label, null);
  if (id === null || label === null) return null;
  const parameters = listOf(value.parameters, readParameter);
  return { id, label, description: textOr(value.description, ""), parameters };
}

function readParameter(value: unknown): Parameter | null {
  if (!isRecord(value)) return null;
  const id = textOr(value.id, null);
  const choices = listOf(value.choices, readChoice);
  const [first] = choices;
  if (id === null || first === undefined) return null;
  const preset = choices.find((choice) => choice.value === value.default) ?? first;
  return { id, label: textOr(value.label, id), choices, default: preset.value };
}

function readChoice(value: unknown): Choice | null {
  if (!isRecord(value)) return null;
  const choice = textOr(value.value, null);
  return choice === null ? null : { value: choice, label: textOr(value.label, choice) };
}

/** A minute's budget comes back faster than anybody reads: only days and months are told. */
function readBudget(value: unknown): Budget | null {
  if (!isRecord(value)) return null;
  const share = numberOr(value.share, null);
  const { window } = value;
  if (share === null || (window !== "day" && window !== "month")) return null;
  return { share: Math.min(1, Math.max(0, share)), window };
}

function readAllowance(value: unknown): Allowance | null {
  if (!isRecord(value)) return null;
  const limit = numberOr(value.limit, null);
  const remaining = numberOr(value.remaining, null);
  if (limit === null || remaining === null) return null;
  const windowS = numberOr(value.window_s, 0);
  return { limit, remaining, windowS, resetS: numberOr(value.reset_s, 0) };
}
