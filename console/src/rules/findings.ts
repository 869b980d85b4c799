/** What an audit has found. */

export const findingKinds = ['missing', 'extra', 'doubled', 'late', 'never_ended', 'missed', 'clock_ahead'] as const;

export type FindingKind = (typeof findingKinds)[number];

/** How many fires of each kind; a kind that an older node does not count has none. */
export type FindingCounts = Partial<Record<FindingKind, number>>;

export interface Found {
  kind: FindingKind;
  n: number;
}

export function foundOf(counts: FindingCounts): Found[] {
  return findingKinds.map((kind) => ({ kind, n: counts[kind] ?? 0 })).filter(({ n }) => n > 0);
}

/** Whether the screens say nothing of it otherwise: what was missed is said job by job. */
export function isNews(found: readonly Found[]): boolean {
  return found.some(({ kind }) => kind !== 'missed');
}
