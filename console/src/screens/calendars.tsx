import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { nameOf } from '../api/names';
import type { Calendar, CalendarVersion, Span } from '../api/types';
import { Ask, type Entry, type Values } from '../parts/dialog';
import { ListTable, numeric } from '../parts/list_table';
import { Menu } from '../parts/menu';
import { Command, explanation, Loaded, Trouble } from '../parts/page';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { lookOf, type Look } from '../rules/states';
import { clock, dayName, wholeMoment } from '../rules/times';
import { counted } from '../store/access_views';
import { useAnswer } from '../store/answer';
import { asked, said } from '../store/asked';
import { now } from '../store/clock';
import { calendar as days, coarse, grouped, inTime, t } from '../store/language';
import { tell } from '../store/live';
import { useResource } from '../store/resource';
import { go, hereWith, href, jobHref, route } from '../store/route';
import { may } from '../store/session';
import { listZone } from '../store/zone';

type Done = () => Promise<void>;

const day = 86_400_000;

/** A whole day by its name alone, a moment with its time. */
function edge(at: number, zone: string, isEnd: boolean): string {
  const isMidnight = clock(at, zone) === '00:00:00';
  if (!isMidnight) return `${dayName(at, now.value, zone, days())} ${clock(at, zone).slice(0, 5)}`;
  return dayName(isEnd ? at - day / 2 : at, now.value, zone, days()); // the day that ends there
}

/** "Thu 24 Dec to Sat 2 Jan", "Sat 1 May"; of what has begun, its end. */
function spanText({ from, to }: Span, zone: string): string {
  const hasBegun = from <= now.value;
  const begin = edge(from, zone, false);
  if (to === null) return hasBegun ? t('withoutEnd') : t('from_', { from: begin });
  const end = edge(to, zone, true);
  if (hasBegun) return t('until_', { to: end });
  return begin === end ? begin : t('fromTo', { from: begin, to: end });
}

const lookOfCalendar = (one: Calendar): Look => (one.active ? lookOf('success') : lookOf('planned'));
const stateOf = (one: Calendar) => t(one.active ? 'coversNow' : 'coversLater');

/** What it is made of, in a line. */
function madeOf({ dates, events, ical }: { dates: string; events?: number; ical: string | null }): string {
  const known = events ?? [...(ical ?? '').matchAll(/^BEGIN:VEVENT/gm)].length;
  const lines = dates.split('\n').map((line) => line.replace(/#.*/, '').trim());
  return [...lines, known > 0 ? t('nEvents', { n: known }) : ''].filter((part) => part !== '').join(', ');
}

function fieldsOf(of: Calendar | undefined): Entry[] {
  return [
    ...(of ? [] : [{ name: 'name', label: t('name') }]),
    { name: 'dates', label: t('calendarDays'), kind: 'long', initial: of?.dates ?? '', help: t('datesMeans') },
    { name: 'ical', label: t('ical'), kind: 'long', initial: of?.ical ?? '', help: t('icalMeans') },
    { name: 'remark', label: t('field_remark'), initial: of?.remark ?? '' },
  ];
}

/** What of a calendar is another one now: two people may change different texts of it. */
function changedTexts(of: Calendar, values: Values): Values {
  const before: Values = { dates: of.dates, ical: of.ical ?? '', remark: of.remark };
  return Object.fromEntries(Object.entries(values).filter(([name, text]) => text !== before[name]));
}

/** The days that it would have, as it is typed. */
function Planned({ of, values }: { of: Calendar | undefined; values: Values }) {
  const zone = listZone.value;
  const changed = of ? changedTexts(of, values) : values;
  const isSame = of !== undefined && Object.keys(changed).length === 0;
  const isReady = of !== undefined || (Boolean(values['dates'] || values['ical']) && Boolean(values['name']));
  const ask = () => {
    const asked = { ...changed, time_zone: zone, dry_run: true };
    return of ? calls.setCalendar({ ...asked, name: of.name }) : calls.addCalendar(asked);
  };
  const { answer, error } = useAnswer(JSON.stringify(values), isReady && !isSame ? ask : undefined);
  if (!isReady) return null;
  const shown = isSame ? of : answer.value;
  return (
    <div aria-live="polite">
      <h3>{t('nextDays')}</h3>
      {!isSame && error.value ? <p class="note trouble">{explanation(error.value)}</p> : shown && <Spans of={shown} />}
    </div>
  );
}

function askCalendar(of: Calendar | undefined, done: Done): void {
  const put = async (values: Values) => {
    if (!of) return (await calls.addCalendar(values)).name;
    const changed = changedTexts(of, values);
    if (Object.keys(changed).length > 0) await calls.setCalendar({ ...changed, name: of.name });
    return of.name;
  };
  const act = async (values: Values) => {
    const name = await put(values);
    tell('job');
    await done();
    go(href('access', { view: 'calendars', calendar: name })); // which shows its days
  };
  const users = of?.jobs.length ?? 0;
  asked.value = (
    <Ask title={of ? t('changeCalendar', { name: of.name }) : t('newCalendar')} action={t('save')} fields={() => fieldsOf(of)} act={act} about={(values) => <Planned of={of} values={values} />}>
      {users > 0 && <p class="dim">{t('calendarTouches', { n: users })}</p>}
    </Ask>
  );
}

/** The list does not have the text of iCalendar. */
async function askChange(name: string, done: Done): Promise<void> {
  try {
    askCalendar(await calls.calendar(name, listZone.value), done);
  } catch (failed) {
    if (!(failed instanceof ApiError)) throw failed;
    said.value = explanation(failed);
  }
}

function askDelete(of: Calendar, done: Done): void {
  const act = async () => {
    await calls.deleteCalendar(of.name);
    go(href('access', { view: 'calendars' }));
    await done();
  };
  asked.value = (
    <Ask title={t('deleteCalendar', { name: of.name })} action={t('delete')} isLast act={act}>
      <p class="dim">{t('deleteCalendarMeans')}</p>
    </Ask>
  );
}

function Row({ of, done, isChosen }: { of: Calendar; done: Done; isChosen: boolean }) {
  const zone = of.time_zone;
  const next = of.spans[0];
  return (
    <tr class={isChosen ? 'on' : undefined}>
      <td class="fit">
        <State look={lookOfCalendar(of)}>{stateOf(of)}</State>
      </td>
      <td class="grow">
        <a class="name" href={href('access', { view: 'calendars', calendar: of.name })}>
          {of.name}
        </a>{' '}
        {of.built_in && <span class="tag">{t('builtIn')}</span>}
      </td>
      <td class="full">{of.built_in ? <span class="dim">{t(of.name === 'weekends' ? 'isWeekends' : 'isWorkdays')}</span> : madeOf(of)}</td>
      <td class="full" data-l={t('nextDays')}>
        {next ? spanText(next, zone) : '—'}
      </td>
      <td class="num" data-l={t('jobs')}>{grouped(of.jobs.length)}</td>
      {may('admin') && (
        <td class="act">
          {!of.built_in && (
            <Menu
              name={of.name}
              items={[
                { label: t('change…'), act: () => void askChange(of.name, done) },
                { label: t('delete…'), act: () => askDelete(of, done) },
              ]}
            />
          )}
        </td>
      )}
    </tr>
  );
}

function Spans({ of }: { of: Calendar }) {
  if (of.spans.length === 0) return <p class="note">{t('coversNothing')}</p>;
  return (
    <ol class="lines">
      {of.spans.map((span) => (
        <li key={span.from}>
          <span>{spanText(span, of.time_zone)}</span>
          <span class="end">
            {span.from <= now.value ? t('now') : [span.to !== null && coarse(span.to - span.from), inTime(span.from - now.value)].filter(Boolean).join(', ')}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Users({ of }: { of: Calendar }) {
  if (of.jobs.length === 0) {
    return (
      <>
        <p class="note">{t('noCalendarUsers')}</p>
        <Command label={t('jobs')}>{`peercron job update JOB --calendar '${of.built_in ? '' : '!'}${of.name}'`}</Command>
      </>
    );
  }
  return (
    <ul class="lines">
      {of.jobs.map((job) => (
        <li key={job.id}>
          <a class="name" href={jobHref(job)}>
            {nameOf(job.id, job.name)}
          </a>
          <span class="end">{t(job.excludes ? 'notThen' : 'onlyThen')}</span>
        </li>
      ))}
    </ul>
  );
}

/** What it was, the newest first. */
function History({ versions }: { versions: readonly CalendarVersion[] }) {
  const zone = listZone.value;
  return (
    <Section title={t('revisions')}>
      <ListTable caption={t('revisions')} heads={[t('when'), t('who'), t('calendarDays'), t('field_remark')]}>
        {versions.map((version) => (
          <tr key={version.set_at}>
            <td class="time">{wholeMoment(version.set_at, zone, days())}</td>
            <td class="push">{version.set_by}</td>
            <td class="full">{madeOf(version)}</td>
            <td class="dim full">{version.remark}</td>
          </tr>
        ))}
      </ListTable>
    </Section>
  );
}

/** One calendar: its days to come, and which jobs it is for. */
function Shown({ name, reloadList }: { name: string; reloadList: Done }) {
  const zone = listZone.value;
  const resource = useResource(() => calls.calendar(name, zone), `calendar ${name} ${zone}`, ['job']);
  const done = async () => {
    await Promise.all([reloadList(), resource.reload()]);
  };
  return (
    <Loaded of={resource}>
      {(of) => (
        <Section
          id="calendar"
          title={of.name}
          beside={t('timesIn', { zone: of.time_zone })}
          end={
            <span class="buttons">
              {may('admin') && !of.built_in && (
                <button type="button" onClick={() => askCalendar(of, done)}>
                  {t('change…')}
                </button>
              )}
              <a href={hereWith({ calendar: undefined })}>{t('close')}</a>
            </span>
          }
        >
          {of.remark !== '' && <p class="note">{of.remark}</p>}
          <div class="pair even">
            <div>
              <h3>{t('nextDays')}</h3>
              <Spans of={of} />
            </div>
            <div>
              <h3>{t('jobs')}</h3>
              <Users of={of} />
            </div>
          </div>
          {(of.history ?? []).length > 0 && <History versions={of.history!} />}
        </Section>
      )}
    </Loaded>
  );
}

/** Days on which jobs run, or do not. @returns nothing where the node has no calendars */
export function Calendars({ isAlone }: { isAlone: boolean }) {
  const zone = listZone.value;
  const read = async () => ({ list: counted('calendars', await calls.calendars(zone)) });
  const resource = useResource(read, `calendars ${zone}`, ['job']);
  const list = resource.data.value?.list;
  if (!list) return isAlone && resource.data.value ? <p class="note">{t('tooOld')}</p> : <Trouble of={resource} />;
  const chosen = isAlone ? (route.value.query.get('calendar') ?? '') : '';
  return (
    <>
      <Section
        id="calendars"
        title={t('calendars')}
        end={
          may('admin') && (
            <button type="button" onClick={() => askCalendar(undefined, resource.reload)}>
              {t('newCalendar…')}
            </button>
          )
        }
      >
        <Trouble of={resource} />
        <ListTable
          caption={t('calendars')}
          heads={[t('state'), t('calendar'), t('calendarDays'), t('nextDays'), numeric(t('jobs'))]}
          acts={may('admin')}
        >
          {list.map((one) => (
            <Row key={one.name} of={one} done={resource.reload} isChosen={one.name === chosen} />
          ))}
        </ListTable>
        {list.every((one) => one.built_in) && (
          <>
            <p class="note">{t('noCalendars')}</p>
            <Command label={t('calendars')}>{"peercron calendar add freeze --dates '2026-12-24..2027-01-02'"}</Command>
          </>
        )}
      </Section>
      {chosen !== '' && <Shown key={chosen} name={chosen} reloadList={resource.reload} />}
    </>
  );
}
