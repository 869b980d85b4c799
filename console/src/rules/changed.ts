/** Rows never move under the pointer: a list that was read again keeps its order until one asks. */

/** @returns the rows in the order in which they are shown, with what is known of them now, and how many
    would come, go or move */
export function keepOrder<T extends { id: number }>(
  shown: readonly number[],
  read: readonly T[],
  before: ReadonlyMap<number, T>,
): { rows: T[]; pending: number } {
  const now = new Map(read.map((row) => [row.id, row]));
  const rows = shown.flatMap((id) => now.get(id) ?? before.get(id) ?? []);
  const kept = shown.filter((id) => now.has(id));
  const come = read.filter((row) => !shown.includes(row.id)).length;
  const gone = shown.length - kept.length;
  const order = read.map((row) => row.id).filter((id) => shown.includes(id));
  const moved = kept.filter((id, index) => order[index] !== id).length;
  return { rows, pending: Math.max(come, gone) + moved };
}
