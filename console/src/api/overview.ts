import * as calls from './calls';
import { get } from './client';
import { rememberNames } from './names';
import type { BriefRun, FailingJob, Job, MissedFire, Overview, Run, RunningRun } from './types';

/** What is going on. An older node is asked for it in parts; it cannot tell the past day. */
export async function overview(): Promise<Overview> {
  const known = await calls.ifKnown(get<Overview>('overview'));
  const answer = known ?? (await fromOlderCalls());
  rememberNames([...answer.failing, ...answer.missed, ...answer.running, ...answer.next]);
  return answer;
}

const day = 86_400;
const hour = 3_600_000;
const most = 100;

async function fromOlderCalls(): Promise<Overview> {
  const at = Date.now();
  const from = Math.floor(at / 1000) - day;
  const of = (params: object) => calls.runs({ limit: most, ...params });
  const [jobs, count, failed, timedOut, missed, running] = await Promise.all([
    calls.jobs({ limit: 1000, page: 1 }),
    get<{ total: number; stopped: number }>('cron/count'),
    of({ state: 'failed', from }),
    of({ state: 'timeout', from }),
    of({ missed: 1, from }),
    of({ state: 'running' }),
  ]);
  const named = new Map(jobs.list.map((job) => [job.id, job]));
  const failing = newestOfEach([...failed.list, ...timedOut.list]).filter((run) => isNewest(run, named.get(run.cron_id)));
  const next = jobs.list
    .filter((job) => job.next_run_at !== null && job.next_run_at < at + hour)
    .sort((a, b) => a.next_run_at! - b.next_run_at!);
  const nameOf = (id: number) => named.get(id)?.name ?? '';
  return {
    at,
    jobs: { ...count, failing: failing.length, missed: missed.total, running: running.total },
    failing: failing.map((run) => failingJob(run, nameOf(run.cron_id), named.get(run.cron_id))),
    missed: missed.list.map((run) => missedFire(run, nameOf(run.cron_id))),
    running: running.list.map((run) => runningRun(run, nameOf(run.cron_id))),
    next: next.slice(0, most).map((job) => ({ cron_id: job.id, name: job.name, at: job.next_run_at!, usual_time: null })),
    next_total: next.length,
    dispatchers: [],
  };
}

function newestOfEach(runs: Run[]): Run[] {
  const newest = new Map<number, Run>();
  for (const run of runs) {
    const other = newest.get(run.cron_id);
    if (!other || run.id > other.id) newest.set(run.cron_id, run);
  }
  return [...newest.values()].sort((a, b) => b.id - a.id);
}

/** Whether nothing of the job has started since. */
function isNewest(run: Run, job: Job | undefined): boolean {
  return job?.last_run_at == null || run.started_at === null || job.last_run_at <= run.started_at;
}

function failingJob(run: Run, name: string, job: Job | undefined): FailingJob {
  return {
    cron_id: run.cron_id,
    name,
    last_state: run.state,
    failing_since: run.scheduled_at,
    failures_in_row: 1,
    next_run_at: job?.next_run_at ?? null,
    run: run satisfies BriefRun,
  };
}

function missedFire(run: Run, name: string): MissedFire {
  return { ...run, name, fires: run.fires ?? 1 };
}

function runningRun(run: Run, name: string): RunningRun {
  return { ...run, name, usual_time: null, usual_p95: null, slow: false };
}
