/** Fires that are several runs. */

interface PartRun {
  state: string;
  attempt: number;
  part?: number;
}

/** The newest attempt of each part, in their order. */
export function newestOfParts<T extends PartRun>(runs: readonly T[]): T[] {
  const newest = new Map<number, T>();
  for (const run of runs) {
    const known = newest.get(run.part ?? 0);
    if (!known || run.attempt > known.attempt) newest.set(run.part ?? 0, run);
  }
  return [...newest.values()].sort((a, b) => (a.part ?? 0) - (b.part ?? 0));
}

const worstFirst = ['failed', 'timeout', 'fenced', 'lost', 'killed', 'skipped', 'planned', 'running', 'success', 'revoked'];

/** The run that tells how the fire goes: of the newest attempts of its parts the one that went worst. */
export function worstPart<T extends PartRun>(runs: readonly T[]): T | undefined {
  const rank = (run: T) => worstFirst.indexOf(run.state);
  return newestOfParts(runs).reduce<T | undefined>((worst, run) => (worst && rank(worst) <= rank(run) ? worst : run), undefined);
}
