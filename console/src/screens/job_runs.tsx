import * as calls from '../api/calls';
import type { Job, JobStatistics, Run } from '../api/types';
import { RunsTable } from '../parts/runs_table';
import { Loaded, Pages } from '../parts/page';
import { Section } from '../parts/section';
import { bars, heightOf, highest, line } from '../rules/cells';
import { lateness, lookOf } from '../rules/states';
import { dayBefore, dayName, hourAndMinute } from '../rules/times';
import { now } from '../store/clock';
import { calendar, duration, t, usual } from '../store/language';
import { useResource } from '../store/resource';
import { hereWith, route } from '../store/route';
import { zoneOf } from '../store/zone';

const limit = 25;
const charted = 90;

/** Duration, failures and lateness of the newest fires, oldest first. */
function Chart({ job, statistics, runs }: { job: Job; statistics: JobStatistics | undefined; runs: readonly Run[] }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const ended = runs.filter((run) => run.started_at !== null && run.ended_at !== null).reverse();
  if (ended.length < 2) return null;
  const times = ended.map((run) => (run.state === 'success' ? run.use_time : 0));
  const failed = ended.map((run) => (lookOf(run.state, run.cause).tone === 'bad' || run.state === 'lost' ? 1 : 0));
  const failures = failed.reduce<number>((sum, one) => sum + one, 0);
  const late = ended.map(lateness);
  const longest = Math.max(1, ...times);
  const wide = ended.length;
  const usually = statistics?.usual_time ?? null;
  const first = ended[0]!.scheduled_at!;
  const last = ended[ended.length - 1]!.scheduled_at!;
  const latest = highest(late);
  const goal = statistics?.late_goal ?? null;
  const isOfOneDay = dayBefore(first, last, zone) === '';
  return (
    <Section title={t('lastFires', { n: wide })}>
      <div class="day">
        <span class="label">{t('duration')}</span>
        <svg class="h56" viewBox={`0 0 ${wide} 56`} preserveAspectRatio="none" role="img" aria-label={t('durationOfLast', { n: wide, most: duration(longest) })}>
          <path class="base" d={`M0 56h${wide}`} />
          <path class="volume" d={bars(times, 52, longest)} />
          {usually !== null && <path class="cap" d={`M0 ${(56 - (52 * Math.min(usually, longest)) / longest).toFixed(1)}h${wide}`} />}
        </svg>
        <span class="value">
          {usually === null ? duration(longest) : t('usually', { time: usual(usually) })}
          {statistics?.usual_p95 != null && (
            <>
              <br />
              <span class="faint">p95 {usual(statistics.usual_p95)}</span>
            </>
          )}
        </span>
        <span class="label">{t('failed_')}</span>
        <svg class="h16" viewBox={`0 0 ${wide} 16`} preserveAspectRatio="none" role="img" aria-label={t('failedOfLast', { n: failures, of: wide })}>
          <path class="base" d={`M0 0h${wide}`} />
          <path class="s-bad" d={failed.map((one, x) => (one ? `M${x + 0.1} 0v7h.8v-7z` : '')).join('')} />
        </svg>
        <span class="value">{t('nOf', { n: failures, of: wide })}</span>
        <span class="label">{t('lateness')}</span>
        <svg class="h24" viewBox={`0 0 ${wide} 24`} preserveAspectRatio="none" role="img" aria-label={t('latenessOfLast', { most: duration(latest) })}>
          <path class="base" d={`M0 24h${wide}`} />
          <path class="line" d={line(late, 24, latest)} />
          {goal !== null && goal < latest && <path class="goal" d={`M0 ${heightOf(goal, 24, latest).toFixed(1)}h${wide}`} />}
        </svg>
        <span class="value">
          {statistics?.late_p99 != null ? t('p99_', { time: duration(statistics.late_p99) }) : t('atMost', { time: duration(latest) })}
          {goal !== null && (
            <>
              <br />
              <span class="faint">{t('goal', { time: duration(goal) })}</span>
            </>
          )}
        </span>
        <p class="axis">
          <span>{isOfOneDay ? hourAndMinute(first, zone) : dayName(first, now.value, zone, calendar())}</span>
          <span>{isOfOneDay ? hourAndMinute(last, zone) : dayName(last, now.value, zone, calendar())}</span>
        </p>
      </div>
    </Section>
  );
}

interface Read {
  recent: Run[];
  page: Run[];
  planned: Run[];
  total: number;
}

/** What did not succeed is told apart here: the ledger can be asked for one state only. */
async function readRuns(job: Job, page: number, isOnlyBad: boolean): Promise<Read> {
  const of = (params: object) => calls.runs({ cron_id: job.id, ...params });
  const [recent, shown, planned] = await Promise.all([
    of({ limit: charted }),
    of({ page, limit }),
    page === 1 ? of({ state: 'planned', limit: 10 }) : { list: [], total: 0 },
  ]);
  if (!isOnlyBad) return { recent: recent.list, page: shown.list, planned: planned.list, total: shown.total };
  const bad = await of({ page, limit: 1000 });
  const list = bad.list.filter((run) => run.state !== 'success' && run.state !== 'running');
  return { recent: recent.list, page: list.slice(0, 200), planned: planned.list, total: list.length };
}

export function Runs({ job, statistics }: { job: Job; statistics: JobStatistics | undefined }) {
  const { query } = route.value;
  const page = Math.max(1, Number(query.get('page') ?? 1) || 1);
  const isOnlyBad = query.get('show') === 'unsuccessful';
  const resource = useResource(() => readRuns(job, page, isOnlyBad), `${job.id} ${page} ${isOnlyBad}`, ['run'], (change) => change.cron_id === job.id);
  return (
    <Loaded of={resource}>
      {(read) => (
        <>
          <Chart job={job} statistics={statistics} runs={read.recent} />
          <Section
            title={t('runs')}
            end={
              <span class="switch">
                <a href={hereWith({ show: undefined, page: undefined })} aria-current={isOnlyBad ? undefined : 'true'}>
                  {t('all')}
                </a>
                <a href={hereWith({ show: 'unsuccessful', page: undefined })} aria-current={isOnlyBad ? 'true' : undefined}>
                  {t('notSuccessful')}
                </a>
              </span>
            }
          >
            {read.page.length + read.planned.length === 0 ? (
              <p class="note">{t(isOnlyBad ? 'allSucceeded' : 'noRunsYet')}</p>
            ) : (
              <RunsTable
                runs={[...read.planned.filter((run) => run.retry_at !== null), ...read.page]}
                zone={zoneOf(job.zone ?? job.time_zone)}
                retries={job.retries ?? 0}
                caption={t('runs')}
              />
            )}
            {!isOnlyBad && (
              <Pages
                page={page}
                limit={limit}
                total={read.total}
                shown={read.page.length}
                address={(to) => hereWith({ page: to === 1 ? undefined : to })}
                words={{ before: t('newer'), after: t('older') }}
              />
            )}
          </Section>
        </>
      )}
    </Loaded>
  );
}
