import { signal } from '@preact/signals';

import { inTurns } from '../rules/turns';
import * as calls from './calls';
import type { Run } from './types';

/** The names of jobs by id, as far as answers have told them: rows of the ledger have only the id. */
export const names = signal<ReadonlyMap<number, string>>(new Map());

/** What is shown for a job. */
export function nameOf(id: number, name = names.value.get(id)): string {
  return name ? name : `#${id}`;
}

export function rememberNames(jobs: readonly { cron_id?: number; id?: number; name: string }[]): void {
  const known = new Map(names.value);
  for (const job of jobs) known.set(job.cron_id ?? job.id!, job.name);
  names.value = known;
}

const atATime = 6;

/** Those of the rows' jobs: as the rows say, or an older node is asked; a job that was deleted has none. */
export async function learnNames(runs: readonly Run[]): Promise<void> {
  rememberNames(runs.flatMap((run) => (run.name === undefined ? [] : [{ id: run.cron_id, name: run.name ?? '' }])));
  await learnJobNames(runs.map((run) => run.cron_id));
}

/** Asks for those that are not known yet. */
export async function learnJobNames(ids: readonly number[]): Promise<void> {
  const unknown = [...new Set(ids)].filter((id) => !names.value.has(id));
  const nameIt = (id: number) => calls.job(id).then(
    ({ name }) => ({ id, name }),
    () => ({ id, name: '' }),
  );
  rememberNames(await inTurns(unknown, atATime, nameIt));
}
