/**
 * Long lists of choices, such as languages, made usable: which of them match what was typed to find one.
 * Used by options-view.ts and composer-controller.ts.
 * Pure.
 */
import type { Choice, Parameter } from "./catalogue.ts";

/** Up to this many choices are seen at a glance. */
const GLANCE = 8;

export function isLong({ choices }: Parameter): boolean {
  return choices.length > GLANCE;
}

/** The choices whose label holds the words typed, accents and capitals aside, or whose value is just them. */
export function matching(choices: readonly Choice[], query: string): readonly Choice[] {
  const wanted = plain(query.trim());
  if (wanted === "") return choices;
  return choices.filter(
    ({ value, label }) => plain(label).includes(wanted) || plain(value) === wanted,
  );
}

/** The choice that was probably meant: the first that begins with the words, else the first that holds them. */
export function best(choices: readonly Choice[], query: string): Choice | null {
  const matches = matching(choices, query);
  const wanted = plain(query.trim());
  return matches.find(({ label }) => plain(label).startsWith(wanted)) ?? matches[0] ?? null;
}

function plain(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
