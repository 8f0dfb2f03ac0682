/**
 * Small readers for JSON from outside: a value has the expected type, or the fallback is taken.
 * Used where answers of the proxy and of the host's session URL are read; nothing past that edge sees `unknown`.
 * They never throw.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function textOr<Fallback>(value: unknown, fallback: Fallback): string | Fallback {
  return typeof value === "string" ? value : fallback;
}

export function numberOr<Fallback>(value: unknown, fallback: Fallback): number | Fallback {
  return typeof value === "number" && Number.isFinite(value) ? value : fallback;
}

/** The readable members of a list; what `read` answers with null is left out. */
export function listOf<Item>(value: unknown, read: (item: unknown) => Item | null): Item[] {
  if (!Array.isArray(value)) return [];
  return value.map(read).filter((item) => item !== null);
}
