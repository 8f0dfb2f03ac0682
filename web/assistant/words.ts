/**
 * Text measured and compared by words, for any script: counting, and what changed between two versions.
 * Used by the scope line, the status line and the "changes" view.
 * Pure: no document, no state.
 */
export function countWords(text: string, locale?: string): number {
  let count = 0;
  for (const { isWordLike } of segmenter(locale).segment(text)) if (isWordLike) count += 1;
  return count;
}

export interface Piece {
  readonly kind: "same" | "added" | "removed";
  readonly text: string;
}

/** Cells of the comparison table (product of both word counts); more would be felt as a pause. */
const CELL_LIMIT = 4_000_000;

/** Word-level differences, longest common subsequence; null when the texts are too long to compare at once. */
export function diffWords(before: string, after: string): Piece[] | null {
  const old = split(before);
  const fresh = split(after);
  const start = commonStart(old, fresh);
  const end = commonEnd(old, fresh, start);
  const a = old.slice(start, old.length - end);
  const b = fresh.slice(start, fresh.length - end);
  if (a.length * b.length > CELL_LIMIT) return null;
  return merge([
    ...kept(old.slice(0, start)),
    ...walk(a, b, table(a, b)),
    ...kept(old.slice(old.length - end)),
  ]);
}

/** A piece is a word or a mark with the white space before it; scripts without spaces are taken sign by sign. */
const WORD =
  /\s*(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|[\p{L}\p{N}\p{M}'’-]+|\S)|\s+/gu;

function split(text: string): string[] {
  return text.match(WORD) ?? [];
}

function kept(words: readonly string[]): Piece[] {
  return words.map((text) => ({ kind: "same", text }));
}

function commonStart(a: readonly string[], b: readonly string[]): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n += 1;
  return n;
}

function commonEnd(a: readonly string[], b: readonly string[], start: number): number {
  let n = 0;
  const most = Math.min(a.length, b.length) - start;
  while (n < most && a[a.length - 1 - n] === b[b.length - 1 - n]) n += 1;
  return n;
}

/** lengths[i * width + j]: the longest common subsequence of a from i and b from j. */
function table(a: readonly string[], b: readonly string[]): Uint16Array | Uint32Array {
  const width = b.length + 1;
  const cells = (a.length + 1) * width;
  const lengths =
    Math.min(a.length, b.length) < 65_536 ? new Uint16Array(cells) : new Uint32Array(cells);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] =
        a[i] === b[j]
          ? at(lengths, (i + 1) * width + j + 1) + 1
          : Math.max(at(lengths, (i + 1) * width + j), at(lengths, i * width + j + 1));
    }
  }
  return lengths;
}

function walk(
  a: readonly string[],
  b: readonly string[],
  lengths: Uint16Array | Uint32Array,
): Piece[] {
  const width = b.length + 1;
  const pieces: Piece[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const [removed, added] = [a[i], b[j]];
    if (removed !== undefined && removed === added) {
      pieces.push({ kind: "same", text: removed });
      i += 1;
      j += 1;
    } else if (
      removed !== undefined &&
      (added === undefined || at(lengths, (i + 1) * width + j) >= at(lengths, i * width + j + 1))
    ) {
      pieces.push({ kind: "removed", text: removed });
      i += 1;
    } else if (added !== undefined) {
      pieces.push({ kind: "added", text: added });
      j += 1;
    }
  }
  return pieces;
}

function at(lengths: Uint16Array | Uint32Array, index: number): number {
  return lengths[index] ?? 0;
}

/** Joins neighbours, so that a run of changes reads as one removal and one addition. */
function merge(pieces: readonly Piece[]): Piece[] {
  const merged: Piece[] = [];
  let removed = "";
  let added = "";
  const flush = () => {
    const space = sharedSpace(removed, added);
    if (space) merged.push({ kind: "same", text: space });
    removed = removed.slice(space.length);
    added = added.slice(space.length);
    if (removed) merged.push({ kind: "removed", text: removed });
    if (added) merged.push({ kind: "added", text: added });
    removed = added = "";
  };
  for (const { kind, text } of pieces) {
    if (kind === "removed") removed += text;
    else if (kind === "added") added += text;
    else {
      flush();
      const last = merged.at(-1);
      if (last?.kind === "same") merged[merged.length - 1] = { kind, text: last.text + text };
      else merged.push({ kind, text });
    }
  }
  flush();
  return merged;
}

/** White space that both begin with belongs to neither change. */
function sharedSpace(a: string, b: string): string {
  const space = a.match(/^\s*/)?.[0] ?? "";
  return b.startsWith(space) ? space : "";
}

function segmenter(locale: string | undefined): Intl.Segmenter {
  return new Intl.Segmenter(locale, { granularity: "word" });
}
