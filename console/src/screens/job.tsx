import type { ComponentChildren } from 'preact';
import { Fragment } from 'preact';

import * as calls from '../api/calls';
import { nameOf, rememberNames } from '../api/names';
import type { Job, JobStatistics, Run } from '../api/types';
import { attemptText, happened } from '../parts/happened';
import { askDelete, askRunNow, askStart, askStop, isHeld } from '../parts/job_actions';
import { Menu } from '../parts/menu';
import { Head, Loaded } from '../parts/page';
import { State } from '../parts/state';
import { shortTime } from '../parts/time';
import { lookOf, lookOfJob, retryOf } from '../rules/states';
import { clock } from '../rules/times';
import { now } from '../store/clock';
import { useKeys } from '../store/keys';
import { duration, elapsed, grouped, inTime, scheduleWords, t, tx, usual } from '../store/language';
import { useResource } from '../store/resource';
import { go, href, jobHref, route, runHref } from '../store/route';
import { may } from '../store/session';
import { usePageZone, zoneOf } from '../store/zone';
import { Backfills } from './job_backfills';
import { ChainTab } from './job_chain';
import { Definition } from './job_definition';
import { History } from './job_history';
import { Runs } from './job_runs';
import { KeptAlive, Schedule } from './job_schedule';
import { WhyTab } from './job_why';

const views = [
  { view: '', word: 'runs' },
  { view: 'schedule', word: 'schedule' },
  { view: 'definition', word: 'definition' },
  { view: 'history', word: 'history' },
  { view: 'chain', word: 'chain' },
  { view: 'backfills', word: 'backfills' },
  { view: 'why', word: 'whyTab' },
] as const;

interface Known {
  job: Job;
  statistics: JobStatistics | undefined;
  last: Run | undefined; // the newest row that is no plan
  waiting: Run | undefined; // a further attempt that waits for its time
}

const counts = (run: Run) => !run.rehearsal; // for how the job is

async function readJob(key: string): Promise<Known> {
  const id = await calls.jobId(key);
  const [job, statistics, newest, planned] = await Promise.all([
    calls.job(id),
    calls.statistics(id),
    calls.runs({ cron_id: id, limit: 10 }),
    calls.runs({ cron_id: id, state: 'planned', limit: 5 }),
  ]);
  rememberNames([job]);
  return { job, statistics, last: newest.list.find(counts), waiting: planned.list.find((run) => retryOf(run) !== null && counts(run)) };
}

/** How the job is, in one sentence. */
function Answer({ job, statistics, last, waiting }: Known) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  if (job.state === 'stopped') {
    return (
      <p class="answer">
        <State look={lookOfJob(job)}>{t('isStopped')}</State>
        {t('stop_')} {t('stoppedMeans')}
      </p>
    );
  }
  if (job.paused) {
    const { until, reason, made_by } = job.paused;
    return (
      <p class="answer">
        <State look={lookOfJob({ ...job, running: 0 })}>
          {until === null ? t('pausedByCap', { who: made_by }) : t('pausedUntilCap', { when: shortTime(until, zone), who: made_by })}
        </State>
        {reason !== '' && `: ${reason}`}
        {t('stop_')} {job.next_run_at !== null && nextFire(job.next_run_at, zone)} <a href={href('pauses')}>{t('pauses')}</a>
      </p>
    );
  }
  if (last?.state === 'running') {
    const spent = elapsed(now.value - (last.started_at ?? now.value));
    return (
      <p class="answer">
        <State look={lookOf('running')}>{t('running_')}</State>{' '}
        {tx('runningSince', { time: spent, node: <a href={runHref(last.id)}>{last.run_server}</a> })}
        {job.usual_time != null && <> {t('usuallyTakes', { time: usual(job.usual_time) })}</>}
      </p>
    );
  }
  if (!last) {
    return (
      <p class="answer">
        <State look={lookOfJob(job)}>{t('neverRan')}</State>
        {t('stop_')} {job.next_run_at !== null && nextFire(job.next_run_at, zone)}
      </p>
    );
  }
  const failing = statistics?.failing_since ?? null;
  const look = waiting ? lookOf('planned', '', waiting.retry_at) : lookOf(last.state, last.cause);
  const isWell = last.state === 'success';
  const word = isWell
    ? t('lastSucceeded', { when: shortTime(last.scheduled_at ?? 0, zone) })
    : failing !== null
      ? t('failingSince', { when: shortTime(failing, zone) })
      : t(waiting ? 'failing' : look.word);
  return (
    <p class="answer">
      <State look={look}>{word}</State>
      {t('stop_')}{' '}
      {!isWell && (
        <>
          {happened(last)}
          {attemptText(last) !== '' && `; ${attemptText(last)}`}
          {t('stop_')}{' '}
        </>
      )}
      {waiting
        ? t('attemptStarts', { n: waiting.attempt, time: clock(waiting.retry_at!, zone), when: inTime(waiting.retry_at! - now.value) })
        : job.next_run_at !== null && nextFire(job.next_run_at, zone)}
    </p>
  );
}

function nextFire(at: number, zone: string): string {
  return t('nextFireAt', { time: shortTime(at, zone), when: inTime(at - now.value) });
}

/** Which share of its fires has met the goal for lateness. */
function goalText(goal: number, { goal_fires, goal_percent }: JobStatistics): string {
  const within = duration(goal);
  if (goal_percent == null) return t('goalWithoutFires', { goal: within });
  return t('goalMet', { percent: String(goal_percent), n: goal_fires ?? 0, goal: within });
}

function Note({ job, statistics }: Known) {
  const zone = job.cron_set === '' ? '' : (job.zone ?? job.time_zone);
  const parts = [scheduleWords(job.schedule_in_words || job.cron_set, zone)];
  if (statistics?.usual_time != null) {
    parts.push(t('usuallyAndLate', { time: usual(statistics.usual_time), late: duration(statistics.late_p99 ?? 0) }));
  }
  if (statistics?.late_goal != null) parts.push(goalText(statistics.late_goal, statistics));
  if (statistics && statistics.runs > 0) {
    parts.push(t('ofRunsSucceeded', { n: statistics.successes, total: statistics.runs }));
  }
  return (
    <p class="note">
      {parts.join(t('sentences'))}
      {job.remark !== '' && <> {job.remark}</>}
    </p>
  );
}

/** A daemon has no fires, and an older node no chains. */
function hasView(job: Job, view: string): boolean {
  if (view === 'chain') return job.kind !== 'daemon' && job.run_after !== undefined;
  return job.kind !== 'daemon' || view !== 'backfills';
}

function Tabs({ job, view }: { job: Job; view: string }) {
  return (
    <nav class="tabs" aria-label={t('viewsOfJob')}>
      {views.filter((one) => hasView(job, one.view)).map((one) => (
        <a key={one.view} href={jobHref(job, { view: one.view })} aria-current={one.view === view ? 'page' : undefined}>
          {t(one.word)}
        </a>
      ))}
    </nav>
  );
}

function View({ known, view }: { known: Known; view: string }): ComponentChildren {
  const { job, statistics } = known;
  switch (view) {
    case 'schedule':
      return job.kind === 'daemon' ? <KeptAlive job={job} /> : <Schedule job={job} />;
    case 'history':
      return <History job={job} />;
    case 'chain':
      return <ChainTab job={job} />;
    case 'backfills':
      return <Backfills job={job} />;
    case 'why':
      return <WhyTab job={job} />;
    default:
      return <Runs job={job} statistics={statistics} />;
  }
}

function Whole({ known, view }: { known: Known; view: string }) {
  const { job } = known;
  const name = nameOf(job.id, job.name);
  usePageZone(job.zone ?? job.time_zone);
  useKeys({
    r: may('operate') ? () => askRunNow(job) : undefined,
    s: may('operate') ? () => (isHeld(job) ? askStart(job) : askStop(job)) : undefined,
    e: may('admin') ? () => go(jobHref(job, { view: 'definition' })) : undefined,
  });
  if (view === 'definition') return <Definition job={job} />;
  return (
    <>
      <Head
        title={name}
        crumb={<a href={href('jobs')}>{t('jobs')}</a>}
        beside={job.tags?.map((tag) => (
          <Fragment key={tag}>
            <span class="tag">{tag}</span>{' '}
          </Fragment>
        ))}
      >
        {may('operate') && (
          <>
            <button type="button" class="first" onClick={() => askRunNow(job)}>
              {t('runNow…')} <kbd>r</kbd>
            </button>
            {isHeld(job) ? (
              <button type="button" onClick={() => askStart(job)}>
                {t('start')} <kbd>s</kbd>
              </button>
            ) : (
              <button type="button" onClick={() => askStop(job)}>
                {t('stop…')} <kbd>s</kbd>
              </button>
            )}
          </>
        )}
        {may('admin') && (
          <>
            <a class="button" href={jobHref(job, { view: 'definition' })}>
              {t('edit')} <kbd>e</kbd>
            </a>
            <Menu
              name={name}
              items={[
                { label: t('copyJob'), act: () => go(href('new', { like: job.id })) },
                { label: t('delete…'), act: () => askDelete(job) },
              ]}
            />
          </>
        )}
      </Head>
      {job.schedule_error && (
        <p class="note trouble" role="alert">
          <State look={lookOf('failed')}>{job.schedule_error}</State>
        </p>
      )}
      <Answer {...known} />
      <Note {...known} />
      <Tabs job={job} view={view} />
      <View known={known} view={view} />
    </>
  );
}

export function JobScreen() {
  const { name, query } = route.value;
  const resource = useResource(
    () => readJob(name),
    name,
    ['run', 'job'],
    (change, known) => (change.cron_id ?? change.id) === known?.job.id,
  );
  const view = query.get('view') ?? '';
  if (!resource.data.value) {
    return (
      <>
        <Head title={/^\d+$/.test(name) ? `#${grouped(Number(name))}` : name} crumb={<a href={href('jobs')}>{t('jobs')}</a>} />
        <Loaded of={resource}>{() => null}</Loaded>
      </>
    );
  }
  return <Loaded of={resource}>{(known) => <Whole known={known} view={view} />}</Loaded>;
}
