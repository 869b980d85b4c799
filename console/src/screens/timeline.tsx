import { useSignal } from '@preact/signals';
import { Fragment } from 'preact';
import { useEffect } from 'preact/hooks';

import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { learnNames, nameOf, names } from '../api/names';
import type { Cell, Forecast, Histogram, Run, Tag } from '../api/types';
import { Axis } from '../parts/axis';
import { ListTable, numeric } from '../parts/list_table';
import { Head, Loaded } from '../parts/page';
import { Section } from '../parts/section';
import { RunState, State } from '../parts/state';
import { broken, heat, outline, ran, spread, width } from '../rules/cells';
import { causeOf, isAlarm, lateness, lookOf, withoutCause } from '../rules/states';
import { clock, dayName, hourAndMinute } from '../rules/times';
import { inTurns } from '../rules/turns';
import { now } from '../store/clock';
import { useKeys } from '../store/keys';
import { calendar, duration, t } from '../store/language';
import { changes } from '../store/live';
import { useResource } from '../store/resource';
import { go, hereWith, href, jobHref, route, runHref } from '../store/route';
import { listZone } from '../store/zone';

const step = 600_000;
const hour = 3_600_000;
const half = 12 * hour;
const whole = 2 * half;
const wide = whole / step;

type By = 'node' | 'tag';

interface Row {
  name: string; // of a node or a tag, or "" for all
  past: readonly (Cell | undefined)[];
  forecast: Forecast | undefined; // of a node nobody knows it
  jobs: number; // with the tag, or of all
  isTooMuch: boolean; // the past has more runs than the node counts for a tag
}

interface Read {
  by: By;
  from: number; // of the first cell
  present: number; // what is before it is past; it may be beside what is shown
  rows: Row[];
  hidden: number; // tags that have no row
  forecast: Forecast | undefined;
}

const nothing: Histogram = { from: 0, to: 0, step, cells: [] };

const mostTags = 12;
const atATime = 4;

/** What the timeline asks for. */
interface Asked {
  present: number;
  range: { from: number; to: number; step: number }; // of the past
  hours: number; // of the forecast; 0: none
}

const readPast = ({ range }: Asked, more: object) =>
  range.to > range.from ? calls.histogram({ ...range, ...more }) : Promise.resolve(nothing);
const readAhead = ({ hours }: Asked, more: object) => (hours > 0 ? calls.forecast({ hours, ...more }) : Promise.resolve(undefined));

/** The forecasts of tags hold for the cell in which they were made, unless a job changes: the node computes every fire of each. */
let held = { key: '', change: changes.job.peek(), answers: new Map<string, Promise<Forecast | undefined>>() };

function readTagAhead(asked: Asked, tag: string): Promise<Forecast | undefined> {
  const key = `${asked.present} ${asked.hours}`;
  const change = changes.job.peek();
  if (held.key !== key || held.change !== change) held = { key, change, answers: new Map() };
  const { answers } = held;
  const answer = answers.get(tag) ?? readAhead(asked, { tag });
  answers.set(tag, answer);
  answer.catch(() => answers.delete(tag));
  return answer;
}

/** @param place in what the past of all cells is spread */
async function readNodes(asked: Asked, place: Histogram): Promise<Row[]> {
  const found = await readPast(asked, { by: 'node' });
  const names = [...new Set((found?.cells ?? []).map((cell) => cell.run_server ?? ''))].filter((name) => name !== '').sort();
  return names.map((name) => {
    const cells = found!.cells.filter((cell) => cell.run_server === name);
    return { name, past: spread({ ...place, cells }), forecast: undefined, jobs: 0, isTooMuch: false };
  });
}

/** Those that most jobs have, by name. */
async function readTags(asked: Asked, place: Histogram): Promise<{ rows: Row[]; hidden: number }> {
  const tags = [...((await calls.tags()) ?? [])].sort((a, b) => b.jobs - a.jobs);
  const readRow = async ({ name, jobs }: Tag): Promise<Row> => {
    const [past, forecast] = await Promise.all([
      readPast(asked, { tag: name }).catch((error) => {
        if (!(error instanceof ApiError) || error.field !== 'to') throw error;
        return undefined;
      }),
      readTagAhead(asked, name),
    ]);
    return { name, past: spread({ ...place, cells: past?.cells ?? [] }), forecast, jobs, isTooMuch: !past };
  };
  const rows = await inTurns(tags.slice(0, mostTags), atATime, readRow);
  return { rows: rows.sort((a, b) => (a.name < b.name ? -1 : 1)), hidden: tags.length - rows.length };
}

/** A day in cells of ten minutes, which begins some half days before this one does. */
async function readTimeline(back: number, by: By): Promise<Read | undefined> {
  const present = Math.ceil(Date.now() / step) * step;
  const from = present - (back + 1) * half;
  const to = Math.min(from + whole, present);
  const asked: Asked = {
    present,
    range: { from: from / 1000, to: to / 1000, step: step / 1000 },
    hours: back > 0 ? 0 : (from + whole - present) / hour + 1,
  };
  const place: Histogram = { from, to, step, cells: [] };
  const [all, forecast, jobs, { rows, hidden }] = await Promise.all([
    readPast(asked, {}),
    readAhead(asked, {}),
    by === 'tag' ? calls.jobs({ limit: 1 }).then(({ total }) => total) : 0,
    by === 'tag' ? readTags(asked, place) : readNodes(asked, place).then((found) => ({ rows: found, hidden: 0 })),
  ]);
  if (!all) return undefined;
  const first: Row = { name: '', past: spread({ ...place, cells: all.cells }), forecast, jobs, isTooMuch: false };
  return { by, from, present, rows: [first, ...rows], hidden, forecast };
}

function paths(row: Row, { from, present }: Read) {
  const steps = ['', '', '', '', ''];
  let bad = '';
  let miss = '';
  row.past.forEach((cell, x) => {
    if (!cell) return;
    steps[heat(ran(cell) + cell.skipped)] += `M${x + 0.06} 2h.88v18h-.88z`;
    if (broken(cell) > 0) bad += `M${x} 16h1v6h-1z`;
    else if (cell.missed > 0) miss += `M${x + 0.1} 16.5h.8v5h-.8z`;
  });
  for (const cell of row.forecast?.cells ?? []) {
    const x = Math.floor((cell.at - from) / step);
    if (cell.at >= present && x < wide) steps[heat(cell.fires)] += `M${x + 0.06} 7h.88v8h-.88z`;
  }
  return { steps, bad, miss };
}

interface Chosen {
  name: string; // of a node or a tag, or "" for all
  at: number;
}

const nameOfAll = (by: By) => t(by === 'tag' ? 'allJobs_' : 'allNodes');

function Heat({ read, chosen, choose }: { read: Read; chosen: Chosen | undefined; choose: (cell: Chosen) => void }) {
  const zone = listZone.value;
  const onClick = (row: Row) => (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const x = Math.floor(((event.clientX - box.left) / box.width) * wide);
    choose({ name: row.name, at: read.from + x * step });
  };
  const place = (read.present - read.from) / step;
  return (
    <div class="day narrow heat">
      {read.rows.map((row) => {
        const { steps, bad, miss } = paths(row, read);
        const total = row.past.reduce((sum, cell) => sum + (cell ? ran(cell) + cell.skipped : 0), 0);
        const failed = row.past.reduce((sum, cell) => sum + (cell ? broken(cell) : 0), 0);
        const name = row.name || nameOfAll(read.by);
        const amount = row.isTooMuch ? t('tooManyRuns') : read.by === 'tag' ? t('nJobs', { n: row.jobs }) : t('fires', { n: total });
        return (
          <Fragment key={row.name}>
            <span class="label">{name}</span>
            <svg
              viewBox="0 0 144 22"
              preserveAspectRatio="none"
              role="img"
              aria-label={t('firesOfRow', { name, n: total, failed })}
              onClick={onClick(row)}
            >
              {steps.map((d, index) => index > 0 && d !== '' && <path key={index} class={`c${index}`} d={d} />)}
              {bad && <path class="s-bad" d={bad} />}
              {miss && <path class="s-miss" d={miss} />}
              {chosen?.name === row.name && (
                <path class="pickd" d={`M${(chosen.at - read.from) / step} 1h1v20h-1z`} />
              )}
              {place <= wide && <path class="now" d={`M${place} -2v26`} />}
            </svg>
            <span class="value">{amount}</span>
          </Fragment>
        );
      })}
      <Axis from={read.from} to={read.from + whole} parts={6} zone={zone} now={(6 * place) / wide} />
    </div>
  );
}

function Legend() {
  const swatch = (className: string, d: string, word: string) => (
    <span>
      <svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">
        <path class={className} d={d} />
      </svg>
      {word}
    </span>
  );
  return (
    <p class="legend">
      {t('firesIn10')} {swatch('c1', 'M1 0h10v12H1z', '1–4')}
      {swatch('c2', 'M1 0h10v12H1z', '5–14')}
      {swatch('c3', 'M1 0h10v12H1z', '15–39')}
      {swatch('c4', 'M1 0h10v12H1z', t('orMore', { n: 40 }))}
      {swatch('c3', 'M1 4h10v5H1z', t('halfHeight'))}
      {swatch('s-bad', 'M2 3h8v6H2z', t('failed'))}
      {swatch('s-miss', 'M2.5 3.5h7v5h-7z', t('missed'))}
    </p>
  );
}

interface Fire {
  key: string;
  at: number;
  job: { id: number; name: string };
  run: Run | undefined;
  excluded: string; // of what is planned: why it will be skipped, as its row will say it
}

const longestRow = 24 * hour;
const mostRows = 1000;

/** Rows that began before the cell, and have fires of it: those that are skipped for one reason share a row, for a day at most. */
async function readLongRows(at: number, more: object): Promise<Run[]> {
  const range = { from: (at - longestRow) / 1000, to: at / 1000 };
  const { list } = await calls.runs({ ...range, ...more, state: 'skipped', limit: mostRows });
  return list.filter((run) => run.gap_end != null && run.gap_end >= at);
}

/** What a cell has. */
interface CellContent {
  fires: Fire[];
  total: number | undefined; // undefined: a row stands for fires of other cells, too
}

async function readPlanned({ name, at }: Chosen, by: By): Promise<CellContent> {
  const range = { from: at / 1000, to: (at + step) / 1000, limit: 100 };
  const planned = await calls.plannedFires({ ...range, tag: (by === 'tag' && name) || undefined });
  const fires = (planned?.list ?? []).map((fire) => ({
    key: `${fire.cron_id} ${fire.at}`,
    at: fire.at,
    job: { id: fire.cron_id, name: fire.name },
    run: undefined,
    excluded: fire.excluded ?? '',
  }));
  return { fires, total: planned?.total ?? 0 };
}

/** The fires of a cell: rows of the ledger, or what is planned. */
async function readCell(chosen: Chosen, by: By): Promise<CellContent> {
  const { name, at } = chosen;
  if (at >= Date.now()) return readPlanned(chosen, by);
  const more = { [by === 'tag' ? 'tag' : 'run_server']: name || undefined };
  const [found, long] = await Promise.all([
    calls.runs({ from: at / 1000, to: (at + step) / 1000, limit: 100, ...more }),
    by === 'tag' || name === '' ? readLongRows(at, more) : [], // no node has what did not run
  ]);
  const rows = [...found.list, ...long];
  await learnNames(rows);
  const fires = rows.map((run) => ({
    key: String(run.id),
    at: run.scheduled_at ?? 0,
    job: { id: run.cron_id, name: names.value.get(run.cron_id) ?? '' },
    run,
    excluded: '',
  }));
  const isCounted = rows.every((run) => (run.fires ?? 1) === 1);
  return { fires: fires.reverse(), total: isCounted ? found.total : undefined };
}

/** How a fire went, or will go: one that a pause or a calendar excludes says so beforehand. */
function FireState({ run, excluded }: Fire) {
  const reason = run ? (run.state === 'skipped' ? run.reason : '') : excluded;
  const fires = run?.fires ?? 1;
  const more = [withoutCause(reason), fires > 1 && t('fires', { n: fires })].filter(Boolean).join(t('listed'));
  return (
    <>
      {run ? <RunState run={run} /> : <State look={excluded === '' ? lookOf('planned') : lookOf('skipped', causeOf(excluded))} />}{' '}
      {more !== '' && <span class="dim">{more}</span>}
    </>
  );
}

function FireRow({ fire, zone }: { fire: Fire; zone: string }) {
  const { at, job, run } = fire;
  const end = run?.gap_end ?? null;
  const time = end === null ? clock(at, zone) : `${clock(at, zone)}–${clock(end, zone)}`;
  const late = run ? lateness(run) : null;
  return (
    <tr class={run && isAlarm(lookOf(run.state, run.cause)) ? 'alarm' : undefined}>
      <td class="num fit">{run ? <a href={runHref(run.id)}>{time}</a> : time}</td>
      <td class="grow above">
        <a class="name" href={jobHref(job)}>
          {nameOf(job.id, job.name)}
        </a>
      </td>
      <td class="fit">
        <FireState {...fire} />
      </td>
      <td class="fit">{run?.run_server || '—'}</td>
      <td class="num">{late === null ? '—' : duration(late)}</td>
      <td class="num">{run?.ended_at != null && run.started_at !== null ? duration(run.use_time) : '—'}</td>
    </tr>
  );
}

function CellFires({ chosen, by, close }: { chosen: Chosen; by: By; close: () => void }) {
  const zone = listZone.value;
  const resource = useResource(() => readCell(chosen, by), `${by} ${chosen.name} ${chosen.at}`);
  const total = resource.data.value?.total;
  useKeys({ Escape: close });
  const times = t('fromTo', { from: hourAndMinute(chosen.at, zone), to: hourAndMinute(chosen.at + step, zone) });
  return (
    <Section
      title={`${chosen.name || nameOfAll(by)}, ${times}`}
      beside={total !== undefined && t('fires', { n: total })}
      end={<span class="faint">{t('movesCloses')}</span>}
    >
      <Loaded of={resource}>
        {({ fires }) =>
          fires.length === 0 ? (
            <p class="note">{t('noFires')}</p>
          ) : (
            <ListTable
              caption={times}
              heads={[numeric(t('time')), t('job'), t('state'), t('node'), numeric(t('late')), numeric(t('took'))]}
            >
              {fires.map((fire) => (
                <FireRow key={fire.key} fire={fire} zone={zone} />
              ))}
            </ListTable>
          )
        }
      </Loaded>
    </Section>
  );
}

function FreeSlot() {
  const { query } = route.value;
  const length = query.get('duration') ?? '15m';
  const between = query.get('between') ?? '01:00-06:00';
  const zone = listZone.value;
  const key = `${length} ${between} ${zone}`;
  const resource = useResource(async () => ({ free: await calls.freeSlots({ duration: length, between, zone }) }), key);
  const free = resource.data.value?.free;
  const error = resource.error.value;
  const set = (name: string) => (event: Event) => go(hereWith({ [name]: (event.currentTarget as HTMLInputElement).value }), 'replace');
  const field = (name: 'duration' | 'between', value: string) => {
    const wrong = error?.field === name;
    return (
      <div class="field">
        <label for={name}>{t(name)}</label>
        <input id={name} class="mono" type="text" defaultValue={value} aria-invalid={wrong || undefined} aria-describedby={wrong ? `${name}-error` : undefined} onChange={set(name)} />
        {wrong && (
          <p class="error" id={`${name}-error`} role="alert">
            {error.message.replace(/^\w+: /, '')}
          </p>
        )}
      </div>
    );
  };
  if (resource.data.value && !free) return <section><p class="note">{t('tooOld')}</p></section>;
  return (
    <Section title={t('findFreeSlot')}>
      <form class="form" onSubmit={(event) => event.preventDefault()}>
        <div class="two">
          {field('duration', length)}
          {field('between', between)}
        </div>
      </form>
      {free && !error && (
        <ListTable
          caption={t('freeSlots')}
          heads={[t('slot'), numeric(t('fires_')), numeric(t('busiestMoment'))]}
          className="spaced"
        >
          {free.slots.map((slot) => (
            <tr key={slot.from}>
              <td class="time">
                {hourAndMinute(slot.from, zone)}–{hourAndMinute(slot.to, zone)}
              </td>
              <td class="num">{slot.fires}</td>
              <td class="num">{t('atATime', { n: slot.peak })}</td>
            </tr>
          ))}
        </ListTable>
      )}
    </Section>
  );
}

function Concurrent({ forecast, cells }: { forecast: Forecast; cells: number }) {
  const ahead = forecast.cells.slice(0, cells).map((cell) => cell.peak);
  const most = Math.max(forecast.slots, 1, ...ahead);
  const across = width({ from: 0, to: ahead.length * step, step });
  const peak = Math.max(0, ...ahead);
  return (
    <Section title={t('concurrentRuns')} beside={t('fromUsual', { slots: forecast.slots })}>
      <div class="day narrow">
        <span class="label">{t('allNodes')}</span>
        <svg class="h56" viewBox={`0 0 ${across} 56`} preserveAspectRatio="none" role="img" aria-label={t('concurrentMost', { n: peak, slots: forecast.slots })}>
          <path class="area next" d={outline(ahead, 55, most)} />
          <path class="cap" d={`M0 ${(55 - (54 * forecast.slots) / most).toFixed(1)}h${across}`} />
        </svg>
        <span class="value">{t('nOf', { n: peak, of: forecast.slots })}</span>
        <Axis from={forecast.from} to={forecast.from + ahead.length * step} parts={6} zone={listZone.value} now={0} />
      </div>
      {forecast.unknown > 0 && <p class="note">{t('unknownDurations', { n: forecast.unknown })}</p>}
    </Section>
  );
}

/** "12 h back, 12 h ahead", or from when to when. */
function whenShown({ from }: Read, back: number): string {
  const zone = listZone.value;
  if (back === 0) return t('backAndAhead', { zone });
  if (back < 0) return t('dayAhead', { zone });
  const moment = (at: number) => `${dayName(at, now.value, zone, calendar())} ${hourAndMinute(at, zone)}`;
  return t('fromTo', { from: moment(from), to: moment(from + whole) });
}

export function TimelineScreen() {
  const { query } = route.value;
  const back = Math.max(-1, Math.floor(Number(query.get('back') ?? 0)) || 0); // in steps of twelve hours; -1: ahead
  const by: By = query.get('by') === 'tag' ? 'tag' : 'node';
  const chosen = useSignal<Chosen | undefined>(undefined);
  const tick = Math.floor(now.value / 60_000);
  const resource = useResource(async () => ({ read: await readTimeline(back, by) }), `${back} ${by} ${tick}`);
  useEffect(() => (chosen.value = undefined), [back, by]);
  const move = (cells: number) => {
    const last = { name: '', at: Math.ceil(Date.now() / step) * step };
    const { name, at } = chosen.value ?? last;
    chosen.value = { name, at: at + cells * step };
  };
  useKeys({ ArrowLeft: () => move(-1), ArrowRight: () => move(1) });
  return (
    <>
      <Head title={t('timeline')} beside={resource.data.value?.read && whenShown(resource.data.value.read, back)}>
        <span class="switch">
          <a href={hereWith({ back: back + 1 })}>{t('earlier')}</a>
          <a href={hereWith({ back: undefined })} aria-current={back === 0 ? 'true' : undefined}>
            {t('now_')}
          </a>
          {back > -1 && <a href={hereWith({ back: back === 1 ? undefined : back - 1 })}>{t('later')}</a>}
        </span>
        <span class="switch">
          <a href={hereWith({ by: 'tag' })} aria-current={by === 'tag' ? 'true' : undefined}>
            {t('byTag')}
          </a>
          <a href={hereWith({ by: undefined })} aria-current={by === 'node' ? 'true' : undefined}>
            {t('byNode')}
          </a>
        </span>
      </Head>
      <Loaded of={resource}>
        {({ read }) =>
          read ? (
            <>
              <section class="list">
                <Heat read={read} chosen={chosen.value} choose={(cell) => (chosen.value = cell)} />
                <Legend />
                {read.hidden > 0 && <p class="note">{t('tagsWithMostJobs', { n: read.hidden })}</p>}
              </section>
              <div class="pair">
                {chosen.value ? (
                  <CellFires chosen={chosen.value} by={read.by} close={() => (chosen.value = undefined)} />
                ) : (
                  <section>
                    <p class="note">{t('clickCell')}</p>
                  </section>
                )}
                <FreeSlot />
              </div>
              {read.forecast && <Concurrent forecast={read.forecast} cells={(read.from + whole - read.present) / step} />}
            </>
          ) : (
            <p class="note">
              {t('tooOld')} <a href={href('runs')}>{t('runs')}</a>
            </p>
          )
        }
      </Loaded>
    </>
  );
}
