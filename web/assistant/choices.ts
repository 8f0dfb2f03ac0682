/**
 * Long lists of choices, such as languages, made usable: which of them match what was typed to find one.
 * Used by options-view.ts and composer-controller.ts.
 * Pure.
 */
import { type Choice, localName, type Parameter } from "./catalogue.ts";

/** Up to this many choices are seen at a glance. */
const GLANCE = 8;

export function isLong({ choices }: Parameter): boolean {
  return choices.length > GLANCE;
}

/** The choices whose names hold the words typed, accents and capitals aside, or whose value is just them. */
export function matching(parameter: Parameter, query: string, locale?: string): readonly Choice[] {
  const wanted = plain(query.trim());
  if (wanted === "") return parameter.choices;
  return parameter.choices.filter(
    (choice) =>
      names(parameter, choice, locale).some((name) => name.includes(wanted)) ||
      plain(choice.value) === wanted,
  );
}

/** The choice that was probably meant: the first that begins with the words, else the first that holds them. */
export function best(parameter: Parameter, query: string, locale?: string): Choice | null {
  const matches = matching(parameter, query, locale);
  const wanted = plain(query.trim());
  const begins = (choice: Choice) =>
    names(parameter, choice, locale).some((name) => name.startsWith(wanted));
  return matches.find(begins) ?? matches[0] ?? null;
}

function names(parameter: Parameter, choice: Choice, locale?: string): readonly string[] {
  return [plain(choice.label), plain(localName(parameter, choice, locale))];
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
