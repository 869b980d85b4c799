import { worstPart } from '../rules/parts';
import { inTurns } from '../rules/turns';
import * as calls from './calls';
import { rememberNames } from './names';
import type { Job, List, Run } from './types';

/** What runs before and after a job, and how one fire of it all went. */
export interface Chain {
  jobs: Job[]; // with the job itself
  hasMore: boolean; // it is longer than what was read
  at: number | null; // the time of the fire; null: there was none
  earlier: number | null; // that of the one before it
  runs: ReadonlyMap<number, Run>; // of the fire, by job: its newest attempt; of several parts, that of the worst
}

const most = 60;
const mostRows = 200;
const atATime = 4;

/** Reads what each of `jobs` names as its parents, and so on. */
class Reader {
  readonly found = new Map<number, Job>();
  private readonly names = new Set<string>(); // that were looked for
  hasMore = false;

  /** @returns those that were not known yet */
  keep(jobs: readonly Job[]): Job[] {
    const fresh: Job[] = [];
    for (const job of jobs) {
      if (this.found.has(job.id)) continue;
      if (this.found.size === most) {
        this.hasMore = true;
        break;
      }
      this.found.set(job.id, job);
      this.names.add(job.name);
      fresh.push(job);
    }
    return fresh;
  }

  /** A parent that the caller may not see is not found. */
  async parentsOf(jobs: readonly Job[]): Promise<Job[]> {
    const names = [...new Set(jobs.flatMap((job) => job.run_after ?? []))].filter((name) => !this.names.has(name));
    for (const name of names) this.names.add(name);
    const lists = await inTurns(names, atATime, (name) => calls.jobs({ name }));
    return this.keep(lists.flatMap(({ list }) => list));
  }

  async childrenOf(jobs: readonly Job[]): Promise<Job[]> {
    const named = jobs.filter((job) => job.name !== '');
    const lists = await inTurns(named, atATime, (job) => calls.jobs({ run_after: job.name, limit: most }));
    this.hasMore ||= lists.some(({ list, total }) => total > list.length);
    return this.keep(lists.flatMap(({ list }) => list));
  }
}

/** All that is before it, all that comes after it, and what else that waits for. */
async function readJobs(job: Job): Promise<Reader> {
  const reader = new Reader();
  reader.keep([job]);
  for (let above = [job]; above.length > 0; ) above = await reader.parentsOf(above);
  for (let below = [job]; below.length > 0; ) below = await reader.childrenOf(below);
  await reader.parentsOf([...reader.found.values()]);
  return reader;
}

const second = (at: number) => Math.floor(at / 1000);

/** The fire before the end of that second; both are of the first job that has a schedule. */
async function findFires(jobs: readonly Job[], at: number | undefined): Promise<{ at: number | null; earlier: number | null }> {
  const first = jobs.find((job) => (job.run_after ?? []).length === 0) ?? jobs[0]!;
  // Of a job that runs at every node only the rows say how many of them a fire has.
  const { list: newest } = await calls.runs({ cron_id: first.id, limit: 1 });
  const limit = 25 + 3 * Math.max(first.shards ?? 1, newest[0]?.parts ?? 1); // the rows of both
  const { list } = await calls.runs({ cron_id: first.id, limit, to: at === undefined ? undefined : second(at) + 1 });
  const times = list.map((run) => run.scheduled_at).filter((time) => time !== null);
  const shown = at ?? times[0] ?? null;
  return { at: shown, earlier: times.find((time) => shown !== null && second(time) < second(shown)) ?? null };
}

/** The rows of a second; job by job only where that has more rows than are read at once. */
async function readRows(jobs: readonly Job[], at: number): Promise<Run[]> {
  const of = (more: object): Promise<List<Run>> => calls.runs({ from: second(at), to: second(at) + 1, ...more });
  const [all, planned] = await Promise.all([of({ limit: mostRows }), of({ limit: mostRows, state: 'planned' })]);
  const isWhole = all.list.length < mostRows && planned.list.length < mostRows;
  if (isWhole) return [...all.list, ...planned.list];
  return (await inTurns(jobs, atATime, (job) => calls.runsOfSecond(job.id, at))).flat();
}

/** @param at the fire's time; undefined: the newest one */
export async function readChain(job: Job, at: number | undefined): Promise<Chain> {
  const reader = await readJobs(job);
  const jobs = [...reader.found.values()];
  rememberNames(jobs);
  const fires = await findFires(jobs, at);
  const runs = new Map<number, Run>();
  if (fires.at !== null && jobs.length > 1) {
    const rows = await readRows(jobs, fires.at);
    for (const { id } of jobs) {
      const worst = worstPart(rows.filter((run) => run.cron_id === id));
      if (worst) runs.set(id, worst);
    }
  }
  return { jobs, hasMore: reader.hasMore, ...fires, runs };
}
