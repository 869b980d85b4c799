import * as calls from './calls';
import { rememberNames } from './names';
import type { Job, Run } from './types';

/** What runs before and after a job, and how one fire of it all went. */
export interface Chain {
  jobs: Job[]; // with the job itself
  hasMore: boolean; // it is longer than what was read
  at: number | null; // the time of the fire; null: there was none
  earlier: number | null; // that of the one before it
  runs: ReadonlyMap<number, Run>; // of the fire, by job: its newest attempt
}

const most = 60;

/** Reads what each of `jobs` names as its parents, and so on. */
class Reader {
  readonly found = new Map<string, Job>();
  hasMore = false;

  private keep(jobs: readonly Job[]): Job[] {
    const fresh = jobs.filter((job) => !this.found.has(job.name)).slice(0, most - this.found.size);
    this.hasMore ||= fresh.length < jobs.filter((job) => !this.found.has(job.name)).length;
    for (const job of fresh) this.found.set(job.name, job);
    return fresh;
  }

  add(job: Job): void {
    this.keep([job]);
  }

  /** A parent that the caller may not see is not found. */
  async parentsOf(jobs: readonly Job[]): Promise<Job[]> {
    const names = new Set(jobs.flatMap((job) => job.run_after ?? []).filter((name) => !this.found.has(name)));
    const lists = await Promise.all([...names].map((name) => calls.jobs({ name })));
    return this.keep(lists.flatMap(({ list }) => list));
  }

  async childrenOf(jobs: readonly Job[]): Promise<Job[]> {
    const named = jobs.filter((job) => job.name !== '');
    const lists = await Promise.all(named.map((job) => calls.jobs({ run_after: job.name, limit: most })));
    this.hasMore ||= lists.some(({ list, total }) => total > list.length);
    return this.keep(lists.flatMap(({ list }) => list));
  }
}

/** All that is before it, all that comes after it, and what else that waits for. */
async function readJobs(job: Job): Promise<Reader> {
  const reader = new Reader();
  reader.add(job);
  for (let above = [job]; above.length > 0; ) above = await reader.parentsOf(above);
  for (let below = [job]; below.length > 0; ) below = await reader.childrenOf(below);
  await reader.parentsOf([...reader.found.values()]);
  return reader;
}

const second = (at: number) => Math.floor(at / 1000);

/** The fire before the end of that second; both are of the first job that has a schedule. */
async function findFires(jobs: readonly Job[], at: number | undefined): Promise<{ at: number | null; earlier: number | null }> {
  const first = jobs.find((job) => (job.run_after ?? []).length === 0) ?? jobs[0]!;
  const { list } = await calls.runs({ cron_id: first.id, limit: 25, to: at === undefined ? undefined : second(at) + 1 });
  const times = list.map((run) => run.scheduled_at).filter((time) => time !== null);
  const shown = at ?? times[0] ?? null;
  return { at: shown, earlier: times.find((time) => shown !== null && second(time) < second(shown)) ?? null };
}

/** @param at the fire's time; undefined: the newest one */
export async function readChain(job: Job, at: number | undefined): Promise<Chain> {
  const reader = await readJobs(job);
  const jobs = [...reader.found.values()];
  rememberNames(jobs);
  const fires = await findFires(jobs, at);
  const runs = new Map<number, Run>();
  if (fires.at !== null && jobs.length > 1) {
    const range = { from: second(fires.at), to: second(fires.at) + 1 };
    const lists = await Promise.all([
      ...jobs.map(({ id }) => calls.runs({ ...range, cron_id: id, limit: 25 })),
      calls.runs({ ...range, state: 'planned', limit: 100 }),
    ]);
    for (const run of lists.flatMap(({ list }) => list)) {
      if (run.attempt >= (runs.get(run.cron_id)?.attempt ?? 0)) runs.set(run.cron_id, run);
    }
  }
  return { jobs, hasMore: reader.hasMore, ...fires, runs };
}
