import type { ComponentChildren } from 'preact';

import * as calls from '../api/calls';
import { getText } from '../api/client';
import { jobForm } from '../api/fields';
import { rememberNames, nameOf } from '../api/names';
import type { Job, JobStatistics, Revision, Run, RunDiff } from '../api/types';
import { ActionButton } from '../parts/action_button';
import { Diff, type ShownLine } from '../parts/diff';
import { Ask } from '../parts/dialog';
import { Gauge } from '../parts/gauge';
import { askedText, attemptText, howItEnded, partText } from '../parts/happened';
import { askRunNow } from '../parts/job_actions';
import { Output } from '../parts/output';
import { Head, Loaded } from '../parts/page';
import { Section } from '../parts/section';
import { Mark, RunState, State } from '../parts/state';
import { newestOfParts } from '../rules/parts';
import { readRequest } from '../rules/request';
import { isFinal, lateness, lookOf, retryOf, withoutCause } from '../rules/states';
import { clock, dayName, exactClock, wholeMoment, writtenMoment } from '../rules/times';
import { findUnusual, type Unusual } from '../rules/unusual';
import { asked } from '../store/asked';
import { now } from '../store/clock';
import { useKeys } from '../store/keys';
import { calendar, duration, elapsed, grouped, inTime, size, t, tx, usual } from '../store/language';
import { tell } from '../store/live';
import { useResource } from '../store/resource';
import { go, href, jobHref, route, runHref } from '../store/route';
import { useLiveOutput } from '../store/run_output';
import { may } from '../store/session';
import { usePageZone, zoneOf } from '../store/zone';

interface Known {
  run: Run;
  job: Job | undefined; // it may be deleted
  statistics: JobStatistics | undefined;
  attempts: Run[]; // of the same part of the same fire, oldest first
  parts: Run[]; // of a fire that is several runs
  revision: Revision | undefined; // of the job, that it follows, if it is a newer one
}

const searched = 10;

/** Fires later than its moment follow a revision. */
async function revisionOf({ cron_id, scheduled_at }: Run): Promise<Revision | undefined> {
  if (scheduled_at === null) return undefined;
  const { list } = await calls.history(cron_id, 1, searched);
  return list.find((revision) => revision.effective_from < scheduled_at);
}

async function readRun(id: string): Promise<Known> {
  const run = await calls.run(id);
  const [job, statistics, near, revision] = await Promise.all([
    calls.job(run.cron_id).catch(() => undefined),
    calls.statistics(run.cron_id).catch(() => undefined),
    attemptsOf(run),
    revisionOf(run).catch(() => undefined),
  ]);
  if (job) rememberNames([job]);
  const attempts = near.filter((one) => isSamePart(one, run));
  const parts = (run.parts ?? 1) > 1 ? newestOfParts(near) : [];
  return { run, job, statistics, attempts, parts, revision };
}

async function attemptsOf(run: Run): Promise<Run[]> {
  if (run.scheduled_at === null) return [run];
  const near = await calls.runsOfSecond(run.cron_id, run.scheduled_at);
  return near.filter((one) => one.scheduled_at === run.scheduled_at).sort((a, b) => a.attempt - b.attempt);
}

function isSamePart(a: Run, b: Run): boolean {
  return (a.part ?? 0) === (b.part ?? 0);
}

function nodeLink(run: Run) {
  return <a href={href('nodes')}>{run.run_server}</a>;
}

/** The sentence that says how it went. */
function Answer({ run, job, attempts }: Known) {
  const look = lookOf(run.state, run.cause, retryOf(run));
  const next = attempts.find((one) => one.state === 'planned' && retryOf(one) !== null && one.id !== run.id);
  const total = (job?.retries ?? 0) + 1;
  const ofRetries = total > 1 ? t('attemptOf', { n: run.attempt, of: Math.max(total, run.attempt) }) : '';
  const attempt = ofRetries === '' ? attemptText(run) : [partText(run), ofRetries].filter((text) => text !== '').join(', ');
  const took = duration(run.use_time);
  let sentence: ComponentChildren;
  switch (look.word) {
    case 'running': {
      const usually = job?.usual_time ?? null;
      sentence = (
        <>
          {tx('runsFor', { time: elapsed(now.value - (run.started_at ?? now.value)), node: nodeLink(run) })}
          {usually !== null && t('usuallyTakes_', { time: usual(usually) })}
        </>
      );
      break;
    }
    case 'retry':
      sentence = t('startsAt', { time: clock(run.retry_at!, zoneOf(job?.zone)), when: inTime(run.retry_at! - now.value) });
      break;
    case 'planned':
      sentence = run.scheduled_at === null ? '' : inTime((run.retry_at ?? run.scheduled_at) - now.value);
      break;
    case 'success':
      sentence = tx('succeededAfter', { took, node: nodeLink(run) });
      break;
    case 'failed':
      sentence = tx('afterWith', { took, how: howItEnded(run), node: nodeLink(run) });
      break;
    case 'timeout':
      sentence = tx('afterOn', { took, node: nodeLink(run) });
      break;
    default:
      sentence = withoutCause(run.reason);
  }
  return (
    <p class="answer">
      <State look={look}>{t(`${look.word}Cap`)}</State> {sentence}
      {attempt !== '' && t('comma', { text: attempt })}
      {next && t('comma', { text: t('retryIn', { when: inTime(next.retry_at! - now.value) }) })}
      {t('stop_')}
    </p>
  );
}

interface StageProps {
  title: string;
  time: ComponentChildren;
  took?: string | undefined;
  mark: 'success' | 'planned' | 'self';
  run: Run;
}

function Stage({ title, time, took, mark, run }: StageProps) {
  const look = mark === 'self' ? lookOf(run.state, run.cause) : lookOf(mark);
  return (
    <li class={mark === 'planned' ? 'todo' : undefined}>
      <Mark look={look} />
      <b>{title}</b>
      <time>{time}</time>
      {took && <span class="took">{took}</span>}
    </li>
  );
}

/** Planned → handed out → started → ended, with what happened between. */
function Stages({ run, job, statistics }: Known) {
  const zone = zoneOf(job?.zone ?? job?.time_zone);
  if (run.scheduled_at === null) return null;
  const due = run.retry_at ?? run.scheduled_at;
  const late = lateness(run);
  const goal = statistics?.late_goal ?? null;
  const lateText = late === null ? '' : t(goal !== null && late > goal ? 'lateByOverGoal' : 'lateBy', { time: duration(late), goal: duration(goal ?? 0) });
  const handedOut = run.dispatch_time > 0 ? run.dispatch_time * 1000 : null;
  const ahead = handedOut === null ? 0 : Math.floor((due - handedOut) / 1000); // it is known to the second
  const isOver = isFinal(run.state);
  const limit = job && job.timeout > 0 && run.started_at !== null ? run.started_at + job.timeout * 1000 : null;
  const ranFor = run.started_at === null ? undefined : isOver ? t('ranFor', { time: duration(run.use_time) }) : t('soFar', { time: elapsed(now.value - run.started_at) });
  return (
    <ol class="stages">
      <Stage
        run={run}
        title={t('handedOut')}
        time={handedOut === null ? '—' : clock(handedOut, zone)}
        mark={handedOut === null ? 'planned' : 'success'}
        took={ahead > 0 ? t('aheadBy', { time: duration(ahead * 1000) }) : undefined}
      />
      <Stage run={run} title={t('due')} time={exactClock(due, zone)} mark={now.value >= due ? 'success' : 'planned'} />
      <Stage
        run={run}
        title={t('started_stage')}
        time={
          run.started_at === null
            ? isOver
              ? t('neverStarted')
              : t('notYet')
            : [exactClock(run.started_at, zone), lateText].filter(Boolean).join(', ')
        }
        mark={run.started_at === null ? 'planned' : 'success'}
        took={ranFor}
      />
      <Stage
        run={run}
        title={t(isOver ? 'ended' : 'ends')}
        time={
          isOver
            ? `${run.ended_at === null ? '' : exactClock(run.ended_at, zone)}${run.exit_code !== null || run.term_signal !== null || run.http_status !== null ? `, ${howItEnded(run)}` : ''}`
            : limit === null
              ? t('noLimit')
              : t('limitAt', { time: duration(job!.timeout * 1000), at: clock(limit, zone) })
        }
        mark={isOver ? 'self' : 'planned'}
      />
    </ol>
  );
}

/** The job, and which revision of it ran, as far as that is known. */
function OfJob({ job, revision, zone }: { job: Job; revision: Revision | undefined; zone: string }) {
  return (
    <>
      <a href={jobHref(job)}>{nameOf(job.id, job.name)}</a>
      {revision && (
        <>
          {', '}
          <a href={jobHref(job, { view: 'history', revision: revision.id })}>{t('revisionOf', { n: revision.id, day: dayName(revision.effective_from, now.value, zone, calendar()) })}</a>
        </>
      )}
    </>
  );
}

/** What is not as usual, each in a sentence. */
function UnusualThings({ run, statistics }: Known) {
  const found = statistics ? findUnusual(run, statistics) : [];
  if (found.length === 0) return null;
  const sentence = ({ what, is, usually, most }: Unusual) => {
    if (what === 'memory') return t('unusualMemory', { is: size(is), usually: size(usually) });
    if (what === 'output') return t('unusualOutput', { is: size(is), usually: size(usually) });
    if (what === 'late') return t('unusuallyLate', { is: duration(is), most: duration(usually) });
    return most === null
      ? t('unusuallyLong', { is: duration(is), usually: usual(usually) })
      : t('unusuallyLongMost', { is: duration(is), usually: usual(usually), most: usual(most) });
  };
  return (
    <Section title={t('unusual')}>
      <ul class="lines">
        {found.map((one) => (
          <li key={one.what}>{sentence(one)}</li>
        ))}
      </ul>
    </Section>
  );
}

/** The runs with their states: this one, and links to the others. */
function Siblings({ of, run, number }: { of: readonly Run[]; run: Run; number: (one: Run) => number }) {
  return (
    <>
      {of.map((one, index) => {
        const text = t('attemptState', { n: number(one), state: t(lookOf(one.state, one.cause, retryOf(one)).word) });
        return (
          <span key={one.id}>
            {index > 0 && ', '}
            {one.id === run.id ? <strong class="strong">{text}</strong> : <a href={runHref(one.id)}>{text}</a>}
          </span>
        );
      })}
    </>
  );
}

function Facts({ run, job, statistics, attempts, parts, revision }: Known) {
  const zone = zoneOf(job?.zone ?? job?.time_zone);
  const row = (name: string, value: ComponentChildren) => (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
  const cores = run.use_time > 0 ? (run.cpu_time / run.use_time).toFixed(1) : '';
  const memory = statistics?.usual_memory ?? null;
  const { inputs } = readRequest(run.requested_by);
  return (
    <Section title={t('facts')}>
      <dl class="facts">
        {row(t('job'), job ? <OfJob job={job} revision={revision} zone={zone} /> : t('deletedJob', { id: run.cron_id }))}
        {run.scheduled_at !== null &&
          row(
            t('fire'),
            <>
              {wholeMoment(run.scheduled_at, zone, calendar())} {zone}{' '}
              <span class="dim">
                {askedText(run.requested_by) || `(${clock(run.scheduled_at, 'UTC')} UTC)`}
              </span>
            </>,
          )}
        {inputs.length > 0 &&
          row(
            t('inputs'),
            inputs.map(({ name, value }, index) => (
              <span key={name}>
                {index > 0 && ', '}
                <code>{`${name}=${value}`}</code>
              </span>
            )),
          )}
        {run.rehearsal && row(t('askRehearsal'), t('rehearsalMeans'))}
        {job && (job.run_after ?? []).length > 0 && run.scheduled_at !== null &&
          row(t('chain'), <a href={jobHref(job, { view: 'chain', at: writtenMoment(run.scheduled_at, zone) })}>{t('whatRanBefore')}</a>)}
        {row(t('attempts'), <Siblings of={attempts} run={run} number={(one) => one.attempt} />)}
        {parts.length > 0 && row(t('parts'), <Siblings of={parts} run={run} number={(one) => one.part ?? 0} />)}
        {row(t('node'), <>{run.run_server === '' ? '—' : nodeLink(run)}{run.dispatch_server !== '' && t('handedOutBy', { node: run.dispatch_server, epoch: grouped(run.epoch) })}</>)}
        {run.cpu_time > 0 && row('CPU', cores === '' ? duration(run.cpu_time) : t('cpuCores', { time: duration(run.cpu_time), n: cores }))}
        {run.max_rss > 0 &&
          row(
            t('memory'),
            <>
              {t('atMost', { time: size(run.max_rss) })} {memory !== null && <span class="dim">{t('usually', { time: size(memory) })}</span>}
            </>,
          )}
        {run.reason !== '' && row(t('reason'), run.reason)}
        {job && row(t(job.kind === 'http' ? 'request' : 'command'), <code>{job.kind === 'http' ? job.http_url : job.command}</code>)}
      </dl>
      {run.state === 'running' && job?.usual_time != null && run.started_at !== null && (
        <>
          <div class="sub spaced">
            <h2>{t('elapsedOfUsual')}</h2>
          </div>
          <Gauge
            elapsed={now.value - run.started_at}
            usual={job.usual_time}
            label={t('ofUsually', { spent: elapsed(now.value - run.started_at), usual: usual(job.usual_time) })}
          />
          <p class="note">{t('ofUsually', { spent: elapsed(now.value - run.started_at), usual: usual(job.usual_time) })}</p>
        </>
      )}
    </Section>
  );
}

const signs = { same: ' ', gone: '−', new: '+' } as const;

function shownDiff(diff: RunDiff): ShownLine[] {
  const lines: ShownLine[] = [];
  for (const part of diff.output) {
    if (part.op === 'folded') lines.push({ hunk: t('equalLines', { n: part.lines }) });
    else for (const text of part.text.replace(/\n$/, '').split('\n').slice(0, 200)) lines.push({ sign: signs[part.op], text });
  }
  return lines;
}

function Compared({ run, zone }: { run: Run; zone: string }) {
  const resource = useResource(async () => ({ diff: await calls.runDiff(run.id) }), `diff ${run.id}`);
  const diff = resource.data.value?.diff;
  if (!diff?.success) return null;
  const { success, definition } = diff;
  const fields = definition?.map((one) => one.field) ?? [];
  const notes = [
    diff.run.run_server === success.run_server ? t('sameNode') : t('otherNode', { node: success.run_server }),
    definition && (fields.length > 0 ? t('definitionChanged', { fields: fields.join(', ') }) : t('sameDefinition')),
    t('tookBefore', { now: duration(diff.run.use_time), then: duration(success.use_time) }),
    t(diff.output_is_same ? 'sameOutput' : 'masked'),
  ];
  const lines = diff.output_is_same ? [] : shownDiff(diff);
  return (
    <Section
      title={t('comparedWithSuccess')}
      beside={
        <>
          <a href={runHref(success.id)}>{t('runNumber_', { id: grouped(success.id) })}</a>
          {success.scheduled_at !== null && `, ${wholeMoment(success.scheduled_at, zone, calendar())}`}
        </>
      }
    >
      <p class="note">{notes.filter(Boolean).join(' ')}</p>
      {lines.length > 0 && <Diff lines={lines} label={t('comparedWithSuccess')} />}
    </Section>
  );
}

function askKill(run: Run, name: string): void {
  const act = async () => {
    await calls.killRun(run.id);
    tell('run');
  };
  asked.value = (
    <Ask title={t('killRun', { id: grouped(run.id), name })} action={t('kill')} isLast act={act}>
      <p class="dim">{t('killMeans')}</p>
    </Ask>
  );
}

async function retry(run: Run): Promise<void> {
  const next = await calls.retryRun(run.id);
  tell('run');
  go(runHref(next.id));
}

/** The same fire once more, though it went well. */
function askAgain(run: Run, zone: string): void {
  const act = async () => {
    const next = await calls.runAgain(run.id);
    tell('run');
    go(runHref(next.id));
  };
  const when = run.scheduled_at === null ? '' : wholeMoment(run.scheduled_at, zone, calendar());
  asked.value = (
    <Ask title={t('runAgainOf', { id: grouped(run.id) })} action={t('runAgain')} act={act}>
      <p class="dim">{t('runAgainMeans', { when, n: run.attempt + 1 })}</p>
    </Ask>
  );
}

function Actions({ run, job, attempts }: Known) {
  const waits = attempts.some((one) => one.state === 'planned' && retryOf(one) !== null);
  const name = nameOf(run.cron_id, job?.name);
  const canKill = run.state === 'running' || (run.state === 'planned' && !waits);
  const isOnce = run.rehearsal || job === undefined; // neither has a further attempt that somebody asks for
  const canRetry = isFinal(run.state) && run.state !== 'success' && run.state !== 'revoked' && !isOnce;
  const form = useResource(jobForm, 'form').data.value;
  const canAgain = run.state === 'success' && !isOnce && form?.knows('/run/again/{id}');
  const giveUp = async () => {
    await calls.giveUpRun(run.id);
    tell('run');
  };
  useKeys({
    r: job && may('operate') ? () => (canRetry ? void retry(run).catch(() => askRunNow(job)) : askRunNow(job)) : undefined,
    k: canKill && may('operate') ? () => askKill(run, name) : undefined,
  });
  return (
    <>
      {may('operate') && (
        <>
          {canKill && (
            <button type="button" class="last" onClick={() => askKill(run, name)}>
              {t('kill…')} <kbd>k</kbd>
            </button>
          )}
          {canRetry && (
            <ActionButton className="first" act={() => retry(run)}>
              {t(waits ? 'retryNow' : 'runAgain')} <kbd>r</kbd>
            </ActionButton>
          )}
          {waits && <ActionButton act={giveUp}>{t('giveUp')}</ActionButton>}
          {canAgain && (
            <button type="button" onClick={() => askAgain(run, zoneOf(job.zone ?? job.time_zone))}>
              {t('runAgain…')}
            </button>
          )}
          {isFinal(run.state) && !canRetry && job && (
            <button type="button" onClick={() => askRunNow(job)}>
              {t('runNow…')} <kbd>r</kbd>
            </button>
          )}
        </>
      )}
      <ActionButton act={async () => navigator.clipboard?.writeText(location.href)}>{t('copyLink')}</ActionButton>
    </>
  );
}

function RunOutput({ run }: { run: Run }) {
  const isRunning = run.state === 'running';
  const live = useLiveOutput(run.id, isRunning);
  if (isRunning && live.isTold) {
    return <Output parts={live.parts} dropped={live.dropped} bytes={live.bytes} live raw={() => getText(`run/${run.id}/output`)} />;
  }
  if (isRunning) return <p class="note">{t('outputAtEnd')}</p>;
  return <Output parts={[run.output]} dropped={0} bytes={run.output_bytes} live={false} raw={async () => run.output} />;
}

function Whole(known: Known) {
  const { run, job } = known;
  const zone = usePageZone(job?.zone ?? job?.time_zone);
  const isBad = isFinal(run.state) && run.state !== 'success' && run.started_at !== null;
  return (
    <>
      <Head
        title={t('runNumber_', { id: grouped(run.id) })}
        crumb={
          <>
            <a href={href('jobs')}>{t('jobs')}</a> / {job ? <a href={jobHref(job)}>{nameOf(job.id, job.name)}</a> : `#${run.cron_id}`}
          </>
        }
        beside={run.rehearsal && <span class="tag">{t('rehearsal')}</span>}
      >
        <Actions {...known} />
      </Head>
      <Answer {...known} />
      <Stages {...known} />
      <div class="pair">
        <div>
          <section>
            <RunOutput run={run} />
          </section>
          {isBad && <Compared run={run} zone={zone} />}
          {run.started_at === null && isFinal(run.state) && job && run.scheduled_at !== null && (
            <p class="note">
              <RunState run={run} /> <a href={jobHref(job, { view: 'why', at: writtenMoment(run.scheduled_at, zone) })}>{t('whyNot')}</a>
            </p>
          )}
        </div>
        <div>
          <Facts {...known} />
          <UnusualThings {...known} />
        </div>
      </div>
    </>
  );
}

export function RunScreen() {
  const { name } = route.value;
  const resource = useResource(() => readRun(name), name, ['run'], (change, known) => change.cron_id === known?.run.cron_id);
  if (!resource.data.value) {
    return (
      <>
        <Head title={t('runNumber_', { id: name })} />
        <Loaded of={resource}>{() => null}</Loaded>
      </>
    );
  }
  return <Loaded of={resource}>{(known) => <Whole {...known} />}</Loaded>;
}
