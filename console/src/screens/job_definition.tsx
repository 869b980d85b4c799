import { useSignal } from '@preact/signals';

import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { jobForm, type JobForm } from '../api/fields';
import { nameOf } from '../api/names';
import type { Calendar, Job, Preview } from '../api/types';
import { Diff } from '../parts/diff';
import { FormField } from '../parts/field';
import { explanation, Head, Loaded } from '../parts/page';
import { differences } from '../rules/differences';
import { changedParameters, fitting, isFor, kindIn, toForm, withForm, type Field, type FormValues } from '../rules/fields';
import { clock, dayName, hourAndMinute, isZone } from '../rules/times';
import { fromToml, toToml, type Definition } from '../rules/toml';
import { useAnswer } from '../store/answer';
import { now } from '../store/clock';
import { calendar, capital, duration, inTime, scheduleWords, t, tx } from '../store/language';
import { tell } from '../store/live';
import { useResource } from '../store/resource';
import { go, hereWith, href, jobHref, route } from '../store/route';
import { may } from '../store/session';
import { nodeZone, zoneOf } from '../store/zone';

const groups = [
  { word: 'groupWhat', names: ['name', 'tags', 'kind', 'command', 'http_url', 'remark'] },
  { word: 'groupWhen', names: ['cronSet', 'run_after', 'run_after_on', 'requires', 'requires_wait', 'time_zone', 'jitter', 'calendar', 'misfire_policy', 'misfire_window', 'restart', 'restart_delay', 'healthy_after', 'start_limit'] },
  { word: 'groupWhere', names: ['run_on', 'locks', 'overlap', 'timeout', 'retries', 'retry_delay'] },
] as const;

const wide = new Set(['command', 'http_url', 'remark']);
const inGroups: ReadonlySet<string> = new Set(groups.flatMap((group) => group.names));

/** What a field is about in its shortest form; the node's own description where the form has nothing. */
function helpOf(field: Field, { values, preview, calendars }: FormProps) {
  switch (field.name) {
    case 'calendar':
      return t('helpCalendar', { names: calendars.map((one) => one.name).join(', ') });
    case 'cronSet':
      return capital(preview?.schedule_in_words ?? '') || t('helpSchedule');
    case 'time_zone': {
      const zone = values['time_zone'] || nodeZone.value;
      return isZone(zone) ? t('helpZone', { time: hourAndMinute(now.value, zone), zone }) : '';
    }
    case 'name':
    case 'tags':
    case 'remark':
    case 'retries':
      return '';
    case 'command':
      return t('helpCommand', { user: values['run_as'] || t('theNodesUser') });
    default:
      return undefined;
  }
}

function Week({ preview, usual }: { preview: Preview; usual: number | null }) {
  const { come_total: come, go_total: gone } = preview.week;
  const text = come === 0 && gone === 0 ? t('weekSame', { n: preview.week.fires }) : t('weekChanges', { come, gone });
  const gaps = preview.next.slice(1).map((fire, index) => fire.at - preview.next[index]!.at);
  const shortest = Math.min(...gaps);
  const overlaps = usual !== null && gaps.length > 0 && usual > shortest;
  return (
    <p>
      {text} {overlaps && <span class="slow">{t('runsOverlap', { usual: duration(usual), gap: duration(shortest) })}</span>}
    </p>
  );
}

function PreviewPane({ preview, before, after, usual }: { preview: Preview | undefined; before: Definition; after: Definition; usual: number | null }) {
  const all = useSignal(false);
  const changed = differences(before, after);
  const zone = preview ? zoneOf(preview.zone) : '';
  const news = new Set(preview?.week.come.map((fire) => fire.at));
  const fires = preview ? (all.value ? preview.next : preview.next.slice(0, 5)) : [];
  return (
    <aside class="preview" aria-label={t('preview')} aria-live="polite">
      {preview && (
        <>
          <div>
            <h2>{t('inWords')}</h2>
            <p>
              {preview.schedule_in_words
                ? scheduleWords(preview.schedule_in_words, preview.cron_set === '' ? '' : preview.zone)
                : t('noScheduleYet')}
            </p>
          </div>
          {fires.length > 0 && (
            <div>
              <h2>{t('nextFires')}</h2>
              <ol class="lines">
                {fires.map(({ at }) => (
                  <li key={at}>
                    <span>
                      {dayName(at, now.value, zone, calendar())} {clock(at, zone)}
                    </span>
                    {news.has(at) && before['id'] !== undefined && <span class="dim">{t('new')}</span>}
                    <span class="end">{inTime(at - now.value)}</span>
                  </li>
                ))}
                {fires.length < preview.next.length && (
                  <li>
                    <button type="button" class="plain" onClick={() => (all.value = true)}>
                      {t('nMore', { n: preview.next.length - fires.length })}
                    </button>
                  </li>
                )}
              </ol>
            </div>
          )}
          {preview.next.length > 0 && (
            <div>
              <h2>{t('next7Days')}</h2>
              <Week preview={preview} usual={usual} />
            </div>
          )}
          {preview.collisions[0] && (
            <div>
              <h2>{t('collisions')}</h2>
              <p>
                {t('collision', { time: clock(preview.collisions[0].at, zone), n: preview.collisions[0].jobs })}{' '}
                <a href={href('timeline')}>{t('quietSlots')}</a>
              </p>
            </div>
          )}
          {preview.notes.length > 0 && (
            <div>
              <h2>{t('notes')}</h2>
              {preview.notes.map((note) => (
                <p key={note}>{capital(note)}.</p>
              ))}
            </div>
          )}
        </>
      )}
      {before['id'] !== undefined && (
        <div>
          <h2>{t('whatChanges')}</h2>
          {changed.length === 0 ? <p class="dim">{t('nothingYet')}</p> : <Diff lines={changed} label={t('whatChanges')} />}
        </div>
      )}
    </aside>
  );
}

interface FormProps {
  fields: readonly Field[];
  values: FormValues;
  set: (name: string, value: string) => void;
  error: ApiError | undefined;
  preview: Preview | undefined;
  calendars: readonly Calendar[]; // that there are
}

function Group({ names, ...props }: FormProps & { names: readonly string[] }) {
  const { fields, values, set, error } = props;
  const one = (field: Field) => (
    <FormField
      key={field.name}
      field={field}
      value={values[field.name] ?? ''}
      error={error?.field === field.name ? explanation(error).replace(/^\w+: /, '') : ''}
      set={(value) => set(field.name, value)}
      help={helpOf(field, props)}
    />
  );
  const rows: Field[][] = [];
  for (const name of names) {
    const field = fields.find((candidate) => candidate.name === name);
    if (!field) continue;
    const last = rows[rows.length - 1];
    const isWide = wide.has(name) || field.kind === 'long' || field.kind === 'lines';
    if (isWide || !last || last.length === 2 || wide.has(last[0]!.name) || last[0]!.kind === 'long' || last[0]!.kind === 'lines') rows.push([field]);
    else last.push(field);
  }
  return (
    <>
      {rows.map((row) => (row.length === 1 && (wide.has(row[0]!.name) || row[0]!.kind === 'long') ? one(row[0]!) : <div class="two" key={row[0]!.name}>{row.map(one)}</div>))}
    </>
  );
}

function Form(props: FormProps) {
  const { values, error } = props;
  const fields = props.fields.filter((field) => isFor(field, kindIn(values)));
  const others = fields.filter((field) => !inGroups.has(field.name) && field.name !== 'stop').map((field) => field.name);
  const isAmongOthers = error !== undefined && others.includes(error.field);
  return (
    <>
      {groups.map((group) => (
        <fieldset key={group.word}>
          <legend>{t(group.word)}</legend>
          <Group {...props} fields={fields} names={group.names} />
        </fieldset>
      ))}
      <details open={isAmongOthers || undefined}>
        <summary>{t('allSettings', { n: others.length })}</summary>
        <fieldset>
          <Group {...props} fields={fields} names={others} />
        </fieldset>
      </details>
    </>
  );
}

/** The definition of a job as a form, or the same as TOML. @param job undefined: a new one */
function Editor({ form, job, like }: { form: JobForm; job: Job | undefined; like: Job | undefined }) {
  const { fields } = form;
  const saved = (job ?? {}) as unknown as Definition;
  const definition = job ? definitionOf(fields, saved) : {};
  const untouched = toForm(fields, definition);
  const start = like ? { ...toForm(fields, definitionOf(fields, like as unknown as Definition)), name: '', stop: '' } : untouched;
  const values = useSignal<FormValues>(start);
  const reason = useSignal('');
  const failed = useSignal<ApiError | undefined>(undefined);
  const toml = useSignal<{ text: string; error: string } | undefined>(undefined);
  const isToml = route.value.query.get('as') === 'toml';

  const given = fitting(fields, untouched, values.value);
  const changed = changedParameters(fields, untouched, given);
  const isReady = Boolean(given['cronSet'] || given['run_after']) || kindIn(given) === 'daemon';
  const ask = () => calls.preview({ ...changed, id: job?.id });
  const { answer: preview, error } = useAnswer(JSON.stringify(changed), isReady ? ask : undefined);
  const hasCalendars = fields.some((field) => field.name === 'calendar');
  const calendars = useResource(async () => (hasCalendars ? ((await calls.calendars(nodeZone.value)) ?? []) : []), 'calendars').data.value;
  const shownError = failed.value ?? (error.value?.status === 400 ? error.value : undefined);
  const set = (name: string, value: string) => {
    values.value = { ...values.value, [name]: value };
    failed.value = undefined;
  };
  const after = withForm(fields, definition, given);
  const mayEdit = may('admin');
  const isChanged = Object.keys(changed).length > 0;

  const writeToml = (text: string) => {
    try {
      const given = fromToml(text);
      const unknown = Object.keys(given).find((key) => !fields.some((field) => field.key === key));
      if (unknown !== undefined) throw new Error(t('noSuchField', { name: unknown }));
      values.value = { ...toForm(fields, {}), ...untouchedDefaults(fields, untouched, given), ...toForm(fields.filter((field) => field.key in given), given) };
      toml.value = { text, error: '' };
      failed.value = undefined;
    } catch (wrong) {
      toml.value = { text, error: (wrong as Error).message };
    }
  };
  const save = async (event: Event) => {
    event.preventDefault();
    if (toml.value?.error || !mayEdit) return;
    if (job && !isChanged) return go(jobHref(job));
    const more = reason.value === '' ? {} : { reason: reason.value };
    try {
      const done = job ? await calls.updateJob({ ...changed, ...more, id: job.id }) : await calls.addJob({ ...changed, ...more });
      tell('job');
      go(jobHref(done));
    } catch (wrong) {
      if (!(wrong instanceof ApiError)) throw wrong;
      failed.value = wrong;
      document.querySelector<HTMLElement>(`[name="${wrong.field}"]`)?.focus();
    }
  };
  const title = job ? t('editJob', { name: nameOf(job.id, job.name) }) : t('newJob');
  const text = toml.value?.text ?? toToml(after);
  return (
    <>
      <Head
        title={title}
        crumb={
          <>
            <a href={href('jobs')}>{t('jobs')}</a>
            {job && (
              <>
                {' / '}
                <a href={jobHref(job)}>{nameOf(job.id, job.name)}</a>
              </>
            )}
          </>
        }
      >
        <span class="switch">
          <a href={hereWith({ as: undefined })} aria-current={isToml ? undefined : 'true'} onClick={() => (toml.value = undefined)}>
            {t('form')}
          </a>
          <a href={hereWith({ as: 'toml' })} aria-current={isToml ? 'true' : undefined}>
            TOML
          </a>
        </span>
      </Head>
      <div class="pair">
        <form
          class="form top"
          novalidate
          onSubmit={(event) => void save(event)}
          onKeyDown={(event) => event.key === 'Enter' && event.ctrlKey && void save(event)}
        >
          {isToml ? (
            <div class="field">
              <label for="toml">{t('asToml')}</label>
              <textarea
                id="toml"
                class="mono"
                rows={Math.max(12, text.split('\n').length + 1)}
                spellcheck={false}
                value={text}
                aria-invalid={toml.value?.error ? true : undefined}
                aria-describedby="toml-help"
                onInput={(event) => writeToml(event.currentTarget.value)}
              />
              {toml.value?.error ? (
                <p class="error" id="toml-help" role="alert">
                  {toml.value.error}
                </p>
              ) : (
                <p class="help" id="toml-help">
                  {t('helpToml')}
                </p>
              )}
            </div>
          ) : (
            <Form fields={fields} values={values.value} set={set} error={shownError} preview={preview.value} calendars={calendars ?? []} />
          )}
          <div class="bar">
            {mayEdit && (
              <button type="submit" class="first">
                {t('save')} <kbd>Ctrl ⏎</kbd>
              </button>
            )}
            <a class="button" href={job ? jobHref(job) : href('jobs')}>
              {t('cancel')}
            </a>
            {form.takesReason && (
              <span class="grow">
                <label for="reason" class="hide">
                  {t('reason')}
                </label>
                <input
                  id="reason"
                  type="text"
                  maxLength={255}
                  placeholder={t('whyKept')}
                  value={reason.value}
                  onInput={(event) => (reason.value = event.currentTarget.value)}
                />
              </span>
            )}
          </div>
          {shownError && !(fields.some((field) => field.name === shownError.field) && !isToml) && (
            <div class="field">
              <p class="error" role="alert">
                <svg class="mark bad" aria-hidden="true">
                  <use href="#m-failed" />
                </svg>{' '}
                <span>{explanation(shownError)}</span>
              </p>
            </div>
          )}
          {shownError && fields.some((field) => field.name === shownError.field) && !isToml && <p class="dim">{t('fixField')}</p>}
          {!mayEdit && <p class="dim">{tx('mayNotEdit', { role: 'admin' })}</p>}
        </form>
        <PreviewPane preview={preview.value} before={definition} after={after} usual={job?.usual_time ?? null} />
      </div>
    </>
  );
}

/** The fields alone, of all that an answer says about a job. */
function definitionOf(fields: readonly Field[], job: Definition): Definition {
  const known = fields.filter((field) => field.key in job).map((field) => [field.key, job[field.key]!]);
  return { id: job['id']!, ...Object.fromEntries(known) };
}

/** What is not in the TOML stays as it is: a file with two lines changes two fields. */
function untouchedDefaults(fields: readonly Field[], untouched: FormValues, given: Definition): FormValues {
  return Object.fromEntries(fields.filter((field) => !(field.key in given)).map((field) => [field.name, untouched[field.name] ?? '']));
}

export function Definition({ job }: { job: Job }) {
  const resource = useResource(jobForm, 'form');
  return <Loaded of={resource}>{(form) => <Editor key={job.id} form={form} job={job} like={undefined} />}</Loaded>;
}

export function NewJobScreen() {
  const like = route.value.query.get('like') ?? '';
  const read = async () => ({ form: await jobForm(), like: like === '' ? undefined : await calls.job(Number(like)) });
  const resource = useResource(read, `new ${like}`);
  return <Loaded of={resource}>{({ form, like: pattern }) => <Editor key={like} form={form} job={undefined} like={pattern} />}</Loaded>;
}
