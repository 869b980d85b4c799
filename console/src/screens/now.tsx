import { Fragment } from 'preact';
import type { ComponentChildren } from 'preact';

import * as calls from '../api/calls';
import { learnNames, nameOf, names } from '../api/names';
import { overview } from '../api/overview';
import type { FailingJob, Histogram, Job, MissedFire, Overview, Run, RunningRun } from '../api/types';
import { ActionButton } from '../parts/action_button';
import { Axis } from '../parts/axis';
import { Gauge } from '../parts/gauge';
import { attemptText, happened } from '../parts/happened';
import { askRunNow } from '../parts/job_actions';
import { ListTable, numeric } from '../parts/list_table';
import { Head, Loaded } from '../parts/page';
import { scopeOf } from '../parts/pause_actions';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { Strip } from '../parts/strip';
import { shortTime } from '../parts/time';
import { bars, broken, highest, inWholeCells, line, outline, placeOf, ran, spread, width } from '../rules/cells';
import { isAlarm, lookOf, withoutCause } from '../rules/states';
import { clock, hourAndMinute, wholeMoment } from '../rules/times';
import { now } from '../store/clock';
import { useCursor } from '../store/cursor';
import { clusterNodes } from '../store/health';
import { ago, calendar, capital, coarse, duration, elapsed, grouped, inTime, spelled, spelledInside, t, tx, usual } from '../store/language';
import { tell } from '../store/live';
import { useResource } from '../store/resource';
import { go, href, jobHref, runHref } from '../store/route';
import { may } from '../store/session';
import { listZone } from '../store/zone';

const jobOf = (one: { cron_id: number; name: string }) => ({ id: one.cron_id, name: one.name });

/** The sentence that somebody on call can act on. */
function Answer({ of }: { of: Overview }) {
  const { failing } = of.jobs;
  const missed = of.missed.reduce((sum, fire) => sum + fire.fires, 0);
  const slow = of.running.filter((run) => run.slow).length;
  const running = of.jobs.running === 0 ? t('nothingRuns') : t('runNow_', { n: of.jobs.running, number: spelled(of.jobs.running) });
  const isQuiet = failing === 0 && missed === 0;
  let alarm = '';
  if (failing > 0 && missed > 0) {
    alarm = t('failingAndMissed', { failing: failing, number: spelled(failing), missed: missed, other: spelledInside(missed) });
  } else if (failing > 0) alarm = t('failing_', { n: failing, number: spelled(failing) });
  else if (missed > 0) alarm = t('missed_', { n: missed, number: spelled(missed) });
  return (
    <p class="answer">
      {isQuiet ? t('allWell') : <strong class="strong">{alarm}</strong>} {running}
      {slow > 0 && t('slow_', { n: slow, number: spelledInside(slow) })}
      {t('stop_')} {!isQuiet && t('elseFine')}
    </p>
  );
}

/** What does not fire though its schedule says so; a pause of all jobs has a banner. */
function Paused({ of }: { of: Overview }) {
  const pauses = (of.pauses ?? []).filter((pause) => pause.active && (pause.tag !== '' || pause.cron_id !== 0));
  const first = pauses[0];
  if (!first) return null;
  const what = first.until === null ? scopeOf(first) : t('scopeUntil', { what: scopeOf(first), when: shortTime(first.until, listZone.value) });
  return (
    <p class="note">
      <State look={{ mark: 'stopped', tone: '', word: 'paused' }}>{t('pausedNow')}</State> {what}
      {pauses.length > 1 && `, ${t('nMore', { n: pauses.length - 1 })}`}
      {t('stop_')} <a href={href('pauses')}>{t('pauses')}</a>
    </p>
  );
}

async function again(run: Promise<{ id: number }>): Promise<void> {
  const { id } = await run;
  tell('run');
  go(runHref(id));
}

/** What the list of jobs knows of it, once that is read. */
function StripCell({ job }: { job: Job | undefined }) {
  return <td class="fit w-t">{job?.last_runs && <Strip ticks={job.last_runs} by={job.last_runs_by} />}</td>;
}

function Tags({ job }: { job: Job | undefined }) {
  return (
    <>
      {job?.tags?.map((tag) => (
        <Fragment key={tag}>
          {' '}
          <span class="tag">{tag}</span>
        </Fragment>
      ))}
    </>
  );
}

interface RowProps {
  isCursor: boolean;
  known: Job | undefined;
}

function FailingRow({ job, known, isCursor }: RowProps & { job: FailingJob }) {
  const { run } = job;
  return (
    <tr class={isCursor ? 'cursor alarm' : 'alarm'}>
      <td class="fit">
        <State look={lookOf(job.last_state)} />
      </td>
      <td class="grow">
        <a class="name" href={jobHref(jobOf(job))}>
          {nameOf(job.cron_id, job.name)}
        </a>
        <Tags job={known} />
      </td>
      <td class="say full">
        {run ? happened(run) : t('failed')}
        {run && attemptText(run) !== '' && t('comma', { text: attemptText(run) })}
        {job.retry_at != null && t('comma', { text: t('retryIn', { when: inTime(job.retry_at - now.value) }) })}
      </td>
      <StripCell job={known} />
      <td class="time">
        {job.failing_since !== null && (
          <>
            {shortTime(job.failing_since, listZone.value)}{' '}
            <span class="faint">
              {job.failures_in_row > 1 ? t('runsInRow', { n: job.failures_in_row }) : ago(now.value - job.failing_since)}
            </span>
          </>
        )}
      </td>
      <td class="act">
        {may('operate') &&
          (run ? (
            <ActionButton act={() => again(calls.retryRun(run.id))}>
              {t('runAgain')} {isCursor && <kbd>r</kbd>}
            </ActionButton>
          ) : (
            <button type="button" onClick={() => askRunNow(jobOf(job))}>
              {t('runNow')}
            </button>
          ))}
      </td>
    </tr>
  );
}

function MissedRow({ fire, known, isCursor }: RowProps & { fire: MissedFire }) {
  const look = lookOf(fire.state, fire.cause);
  return (
    <tr class={isCursor ? 'cursor alarm' : 'alarm'}>
      <td class="fit">
        <State look={look}>{t(look.word)}</State>
      </td>
      <td class="grow">
        <a class="name" href={jobHref(jobOf(fire))}>
          {nameOf(fire.cron_id, fire.name)}
        </a>
        <Tags job={known} />
      </td>
      <td class="say full">
        <a href={runHref(fire.id)}>{capital(withoutCause(fire.reason) || fire.cause)}</a>
        {fire.fires > 1 && ` (${t('fires', { n: fire.fires })})`}
      </td>
      <StripCell job={known} />
      <td class="time">
        {fire.scheduled_at !== null && (
          <>
            {shortTime(fire.scheduled_at, listZone.value)} <span class="faint">{ago(now.value - fire.scheduled_at)}</span>
          </>
        )}
      </td>
      <td class="act">
        {may('operate') && (
          <button type="button" onClick={() => askRunNow(jobOf(fire))}>
            {t('runNow…')} {isCursor && <kbd>r</kbd>}
          </button>
        )}
      </td>
    </tr>
  );
}

/** The jobs that need attention, with what their rows in the list of jobs say. */
async function readKnown(): Promise<ReadonlyMap<number, Job>> {
  const [failing, missed] = await Promise.all([
    calls.jobs({ state: 'failing', limit: 100 }),
    calls.jobs({ state: 'missed', limit: 100 }),
  ]);
  return new Map([...failing.list, ...missed.list].map((job) => [job.id, job]));
}

function Attention({ of }: { of: Overview }) {
  const isQuiet = of.failing.length + of.missed.length === 0;
  const read = async () => (isQuiet ? undefined : readKnown());
  const known = useResource(read, isQuiet ? '' : String(of.at)).data.value; // with what is above, of one moment
  const rows = [
    ...of.failing.map((job) => ({ key: `job-${job.cron_id}`, job, fire: undefined })),
    ...of.missed.map((fire) => ({ key: `fire-${fire.id}`, job: undefined, fire })),
  ];
  const cursor = useCursor(rows.map((row) => row.key), {
    open: (key) => {
      const row = rows.find((one) => one.key === key)!;
      go(jobHref(jobOf(row.job ?? row.fire)));
    },
    r: (key) => {
      const row = rows.find((one) => one.key === key)!;
      if (!may('operate')) return;
      if (row.job?.run) void again(calls.retryRun(row.job.run.id)).catch(() => askRunNow(jobOf(row.job)));
      else askRunNow(jobOf(row.job ?? row.fire!));
    },
  });
  if (rows.length === 0) return null;
  const hidden = of.jobs.failing - of.failing.length;
  return (
    <Section
      title={t('needsAttention')}
      beside={t('failingMissed', { failing: of.jobs.failing, missed: of.missed.length })}
      end={
        hidden > 0 && (
          <a href={href('jobs', { state: 'failing' })}>
            {t('all_', { n: of.jobs.failing })}
          </a>
        )
      }
    >
      <ListTable
        caption={t('needsAttention')}
        heads={[t('state'), t('job'), t('whatHappened'), { text: t('last30'), look: 'w-t' }, t('since')]}
        acts
      >
        {rows.map(({ key, job, fire }) =>
          job ? (
            <FailingRow key={key} job={job} known={known?.get(job.cron_id)} isCursor={cursor === key} />
          ) : (
            <MissedRow key={key} fire={fire} known={known?.get(fire.cron_id)} isCursor={cursor === key} />
          ),
        )}
      </ListTable>
    </Section>
  );
}

function endsAbout(run: RunningRun, spent: number): string {
  if (run.usual_time === null) return '—';
  const left = run.usual_time - spent;
  if (left < -5_000 && spent > 1.2 * run.usual_time) return t('over', { time: coarse(-left) });
  return left < 1_000 ? t('now') : inTime(left);
}

function RunningRow({ run }: { run: RunningRun }) {
  const spent = run.started_at === null ? 0 : Math.max(0, now.value - run.started_at);
  const usually = run.usual_time;
  const text = elapsed(spent);
  return (
    <tr>
      <td class="grow">
        <a class="name" href={runHref(run.id)}>
          {nameOf(run.cron_id, run.name)}
        </a>
      </td>
      <td class="fit w-m">{run.run_server}</td>
      <td class="time w-l">{run.started_at !== null && clock(run.started_at, listZone.value)}</td>
      <td class="num">{run.slow ? <span class="slow">{t('slow', { time: text })}</span> : text}</td>
      <td class="full below">
        {usually !== null && (
          <Gauge elapsed={spent} usual={usually} label={t('ofUsually', { spent: text, usual: usual(usually) })} />
        )}
      </td>
      <td class="num w-l">{usually === null ? '—' : usual(usually)}</td>
      <td class="num">{endsAbout(run, spent)}</td>
    </tr>
  );
}

function Running({ of }: { of: Overview }) {
  const nodes = clusterNodes.value?.nodes ?? [];
  const slots = nodes.reduce((sum, node) => sum + (node.slots ?? 0), 0);
  return (
    <Section
      title={t('running_')}
      beside={slots > 0 ? t('ofSlots', { n: of.jobs.running, slots }) : grouped(of.jobs.running)}
    >
      {of.running.length === 0 ? (
        <p class="note">{t('nothingRuns')}{t('stop_')}</p>
      ) : (
        <ListTable
          caption={t('running_')}
          heads={[
            t('job'),
            { text: t('node'), look: 'w-m' },
            { text: t('started'), look: 'w-l' },
            numeric(t('elapsed')),
            t('ofUsual'),
            numeric(t('usual'), 'w-l'),
            numeric(t('endsAbout')),
          ]}
        >
          {of.running.slice(0, 20).map((run) => (
            <RunningRow key={run.id} run={run} />
          ))}
        </ListTable>
      )}
      {of.running.length > 20 && (
        <p class="note">
          <a href={href('runs', { state: 'running' })}>{t('all_', { n: of.jobs.running })}</a>
        </p>
      )}
    </Section>
  );
}

const mostSkipped = 5;

/** The newest fires that somebody asked not to run, by a limit, a pause or a calendar; what was missed is not among them. */
async function readSkipped(strip: Histogram): Promise<Run[]> {
  const places = strip.cells.filter((cell) => cell.skipped > 0).map((cell) => cell.at);
  const range = { from: Math.min(...places) / 1000, to: (Math.max(...places) + strip.step) / 1000 };
  const { list } = await calls.runs({ ...range, state: 'skipped', limit: 10 * mostSkipped });
  await learnNames(list);
  return list.filter((run) => !isAlarm(lookOf(run.state, run.cause))).slice(0, mostSkipped);
}

function Skipped({ strip }: { strip: Histogram }) {
  const total = strip.cells.reduce((sum, cell) => sum + cell.skipped, 0);
  const key = strip.cells.map((cell) => (cell.skipped > 0 ? `${cell.at} ${cell.skipped}` : '')).join(' '); // the sum may stay as it is
  const rows = useResource(async () => ({ list: total > 0 ? await readSkipped(strip) : [] }), `skipped ${key}`).data.value?.list ?? [];
  if (rows.length === 0) return null;
  return (
    <Section
      title={t('skippedAsAsked')}
      beside={t('in24h', { n: total })}
      end={
        <a href={href('runs', { state: 'skipped' })}>
          {t('skippedTab')}
        </a>
      }
    >
      <ul class="lines">
        {rows.map((run) => (
          <li key={run.id}>
            <a href={runHref(run.id)}>{run.scheduled_at === null ? `#${run.id}` : clock(run.scheduled_at, listZone.value)}</a>
            <a class="name" href={jobHref({ id: run.cron_id, name: names.value.get(run.cron_id) ?? '' })}>
              {nameOf(run.cron_id)}
            </a>
            <span class="dim">
              {run.reason}
              {(run.fires ?? 1) > 1 && ` (${t('fires', { n: run.fires! })})`}
            </span>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function Next({ of }: { of: Overview }) {
  const begin = of.next_minutes?.from ?? of.at;
  const minutes = of.next_minutes?.fires ?? [];
  const most = Math.max(...minutes);
  const peak = begin + minutes.indexOf(most) * 60_000;
  return (
    <Section
      title={t('nextHour')}
      beside={t('fires', { n: of.next_total })}
      end={
        <a href={href('timeline')}>
          {t('timeline')}
        </a>
      }
    >
      {of.next.length === 0 ? (
        <p class="note">{t('noFiresNextHour')}</p>
      ) : (
        <ListTable caption={t('nextHour')} heads={[t('time'), t('job'), numeric(t('usual'), 'w-l'), numeric(t('in_'))]}>
          {of.next.slice(0, 7).map((fire) => (
            <tr key={`${fire.cron_id}-${fire.at}`}>
              <td class="fit">{clock(fire.at, listZone.value)}</td>
              <td class="grow">
                <a class="name" href={jobHref(jobOf(fire))}>
                  {nameOf(fire.cron_id, fire.name)}
                </a>
              </td>
              <td class="num w-l dim">{fire.usual_time === null ? '' : usual(fire.usual_time)}</td>
              <td class="num dim">{inTime(fire.at - now.value)}</td>
            </tr>
          ))}
        </ListTable>
      )}
      {most > 0 && of.next_total > 1 && (
        <div class="day foot-plot">
          <span class="label">{t('firesAMinute')}</span>
          <svg
            class="h32"
            viewBox={`0 0 ${minutes.length} 32`}
            preserveAspectRatio="none"
            role="img"
            aria-label={t('firesAMinuteMost', { n: most, time: hourAndMinute(peak, listZone.value) })}
          >
            <path class="fires" d={bars(minutes, 32)} />
          </svg>
          <span class="value">{t('mostAt', { n: most, time: hourAndMinute(peak, listZone.value) })}</span>
        </div>
      )}
    </Section>
  );
}

function PlotLine(props: { label: string; className: string; height: number; wide: number; say: string; value: ComponentChildren; children: ComponentChildren }) {
  return (
    <Fragment>
      <span class="label">{props.label}</span>
      <svg class={props.className} viewBox={`0 0 ${props.wide} ${props.height}`} preserveAspectRatio="none" role="img" aria-label={props.say}>
        {props.children}
      </svg>
      <span class="value">{props.value}</span>
    </Fragment>
  );
}

function PastDay({ of }: { of: Overview }) {
  if (!of.strip) return null;
  const strip = inWholeCells(of.strip);
  const wide = width(strip);
  const cells = spread(strip);
  const runs = cells.map((cell) => (cell ? ran(cell) : 0));
  const all = runs.reduce((sum, n) => sum + n, 0);
  const failed = strip.cells.reduce((sum, cell) => sum + broken(cell), 0);
  const missed = strip.cells.reduce((sum, cell) => sum + cell.missed, 0);
  const late99 = cells.map((cell) => cell?.late_p99 ?? null);
  const late50 = cells.map((cell) => cell?.late_p50 ?? null);
  const last = (values: readonly (number | null)[]) => values.filter((value) => value !== null).at(-1);
  const path = (of: (cell: (typeof cells)[number]) => number, draw: (x: number, n: number) => string) =>
    cells.map((cell, x) => (of(cell) > 0 ? draw(x, of(cell)) : '')).join('');
  const bad = path((cell) => (cell ? broken(cell) : 0), (x, n) => `M${x} 0h1v${Math.min(15, 4 + 2 * n)}h-1z`);
  const miss = path((cell) => cell?.missed ?? 0, (x) => `M${x} .75h1.2v8.5h-1.2z`);
  const ticks = of.dispatchers
    .map((term) => placeOf(term.at, strip))
    .filter((place) => place > 0 && place < wide)
    .map((place) => `M${place.toFixed(2)} 1v14`)
    .join('');
  const value = (millis: number | null | undefined) => (millis == null ? '—' : duration(millis));
  const dispatcher = clusterNodes.value?.dispatcher ?? '';
  return (
    <Section title={t('past24')}>
      <div class="day">
        <PlotLine label={t('runsIn10')} className="h56" height={44} wide={wide} say={t('runsIn10Say', { n: all })} value={t('runs_', { n: all })}>
          <path class="base" d={`M0 44h${wide}`} />
          <path class="volume" d={outline(runs, 44)} />
        </PlotLine>
        <PlotLine
          label={t('failedMissed')}
          className="h16"
          height={16}
          wide={wide}
          say={t('failedMissed_', { failed, missed })}
          value={
            <a href={href('runs', { show: 'unsuccessful' })} class="quiet">
              {t('failedMissed_', { failed, missed })}
            </a>
          }
        >
          {bad && <path class="s-bad" d={bad} />}
          {miss && <path class="s-miss" d={miss} />}
        </PlotLine>
        <PlotLine label={t('late99')} className="h24" height={24} wide={wide} say={t('late99Say', { time: value(last(late99)), most: value(highest(late99)) })} value={value(last(late99))}>
          <path class="base" d={`M0 24h${wide}`} />
          <path class="line" d={line(late99, 24, highest(late99))} />
        </PlotLine>
        <PlotLine label={t('late50')} className="h16" height={16} wide={wide} say={t('late50Say', { time: value(last(late50)) })} value={value(last(late50))}>
          <path class="base" d={`M0 16h${wide}`} />
          <path class="line thin" d={line(late50, 16, 2 * highest(late50))} />
        </PlotLine>
        <PlotLine
          label={t('dispatcher')}
          className="h16"
          height={16}
          wide={wide}
          say={t('dispatcherChanges', { n: of.dispatchers.length, node: dispatcher || t('none') })}
          value={t('changes_', { n: of.dispatchers.length })}
        >
          <path class="base" d={`M0 8h${wide}`} />
          {ticks && <path class="tick" d={ticks} />}
        </PlotLine>
        <Axis from={strip.from} to={strip.to} parts={6} zone={listZone.value} now={6} />
      </div>
    </Section>
  );
}

function NoJobs() {
  return (
    <section class="empty">
      <p>{t('noJobsImport')}</p>
      <pre class="cmd" tabIndex={0} role="region" aria-label={t('commandImport')}>
        {'crontab -l | peercron import --dry-run -      # '}
        {t('showsOnly')}
        {'\ncrontab -l | peercron import -'}
      </pre>
      {may('admin') && (
        <p class="dim">
          {tx('orWriteOne', { link: <a href={href('new')}>{t('newJob')}</a> })}
        </p>
      )}
    </section>
  );
}

export function NowScreen() {
  const resource = useResource(overview, 'overview', ['run', 'job']);
  return (
    <>
      <Head title={t('now_')}>
        <span class="dim">
          {wholeMoment(now.value, listZone.value, calendar())} {listZone.value}
        </span>
      </Head>
      <Loaded of={resource}>
        {(of) =>
          of.jobs.total === 0 ? (
            <NoJobs />
          ) : (
            <>
              <Answer of={of} />
              <Paused of={of} />
              <Attention of={of} />
              <div class="pair">
                <div>
                  <Running of={of} />
                  {of.strip && <Skipped strip={of.strip} />}
                </div>
                <Next of={of} />
              </div>
              <PastDay of={of} />
            </>
          )
        }
      </Loaded>
    </>
  );
}
