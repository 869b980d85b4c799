import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import * as calls from '../api/calls';
import { ApiError, type Params } from '../api/client';
import type { Backfill, Job } from '../api/types';
import { ActionButton } from '../parts/action_button';
import { EntryField, type Entry } from '../parts/dialog';
import { Slots } from '../parts/gauge';
import { ListTable, numeric } from '../parts/list_table';
import { Command, explanation, Loaded } from '../parts/page';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { DatedTime } from '../parts/time';
import { readMoment } from '../rules/moments';
import { lookOf, type Look } from '../rules/states';
import { useAnswer } from '../store/answer';
import { now } from '../store/clock';
import { t } from '../store/language';
import { tell } from '../store/live';
import { useResource } from '../store/resource';
import { may } from '../store/session';
import { zoneOf } from '../store/zone';

const firstShown = 8;
const lookAgain = 2_000;

const looks: Record<string, Look> = {
  running: lookOf('running'),
  done: { mark: 'success', tone: 'ok', word: 'done' },
  stopped: { mark: 'stopped', tone: '', word: 'stopped' },
};

type Typed = Record<'from' | 'to' | 'only' | 'parallel', string>;

/** What a call takes.
    @throws ApiError that names the field which cannot be read, as the node would */
function readForm(typed: Typed, zone: string): Params {
  const moment = (name: 'from' | 'to') => {
    const at = readMoment(typed[name], now.peek(), zone, -1);
    if (at === undefined) throw new ApiError(400, `${name}: ${t('badMoment', { text: typed[name] })}`);
    return Math.floor(at / 1000);
  };
  return { from: moment('from'), to: typed.to === '' ? undefined : moment('to'), only: typed.only, parallel: typed.parallel || undefined };
}

/** What would run, as the form stands. */
function Planned({ plan, zone }: { plan: Backfill; zone: string }) {
  const fires = plan.first_fires ?? [];
  return (
    <>
      <h2>{plan.fires === 0 ? t('nothingToRun') : t('wouldRun', { n: plan.fires, parallel: plan.parallel })}</h2>
      {fires.length > 0 && (
        <ol class="lines">
          {fires.slice(0, firstShown).map((at) => (
            <li key={at}>
              <span>
                <DatedTime at={at} zone={zone} />
              </span>
            </li>
          ))}
          {plan.fires > firstShown && <li class="dim">{t('nMore', { n: plan.fires - firstShown })}</li>}
        </ol>
      )}
    </>
  );
}

function Begin({ job, begun }: { job: Job; begun: () => Promise<void> }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const typed = useSignal<Typed>({ from: 'yesterday 00:00', to: '', only: 'missing', parallel: '1' });
  const key = JSON.stringify([typed.value, zone]);
  const ask = async () => calls.backfill(job.id, { ...readForm(typed.peek(), zone), dry_run: true });
  const { answer, error: refused, isCurrent } = useAnswer(key, ask);
  const wrong = isCurrent ? refused.value : undefined;
  const plan = isCurrent && !wrong ? answer.value : undefined; // never one of what is no longer typed
  const problem = wrong ? explanation(wrong).replace(/^\w+: /, '') : '';

  const begin = async () => {
    await calls.backfill(job.id, readForm(typed.value, zone));
    tell('run');
    await begun();
  };
  const entries: (Entry & { name: keyof Typed })[] = [
    { name: 'from', label: t('from'), kind: 'moment', zone, direction: -1 },
    { name: 'to', label: t('to'), kind: 'moment', zone, direction: -1, placeholder: t('now') },
    { name: 'only', label: t('whichFires'), kind: 'choice', choices: ['missing', 'failed', 'all'], help: t(`only_${typed.value.only as 'all'}`) },
    { name: 'parallel', label: t('atTheSameTime'), help: t('parallelMeans') },
  ];
  const isElsewhere = wrong && !entries.some((entry) => entry.name === wrong.field);
  return (
    <div class="pair">
      <form class="form top" novalidate onSubmit={(event) => event.preventDefault()}>
        <p class="dim">{t('backfillMeans')}</p>
        <div class="two">
          {entries.map((entry) => (
            <EntryField
              key={entry.name}
              entry={entry}
              value={typed.value[entry.name]}
              error={wrong?.field === entry.name ? problem : ''}
              set={(value) => (typed.value = { ...typed.value, [entry.name]: value })}
            />
          ))}
        </div>
      </form>
      <aside class="preview" aria-label={t('preview')} aria-live="polite">
        <div>
          {plan && <Planned plan={plan} zone={zone} />}
          {isElsewhere && <p class="note trouble">{problem}</p>}
        </div>
        {plan && plan.fires > 0 && (
          <p>
            <ActionButton key={key} className="first" act={begin}>
              {t('runFires', { n: plan.fires })}
            </ActionButton>
          </p>
        )}
      </aside>
    </div>
  );
}

function Row({ of, zone, stopped }: { of: Backfill; zone: string; stopped: () => Promise<void> }) {
  const isRunning = of.state === 'running';
  const ended = of.begun - of.open;
  const stop = async () => {
    await calls.stopBackfill(of.id!);
    await stopped();
  };
  return (
    <tr>
      <td class="num fit name">{of.id}</td>
      <td class="fit grow">
        <State look={looks[of.state] ?? lookOf('planned')} />
      </td>
      <td class="time" data-l={t('from')}>
        <DatedTime at={of.from} zone={zone} />
      </td>
      <td class="time" data-l={t('to')}>
        <DatedTime at={of.to} zone={zone} />
      </td>
      <td>{of.only}</td>
      <td class="num">{t('nOf', { n: ended, of: of.fires })}</td>
      <td class="full">
        <Slots used={ended} of={of.fires} label={t('endedOf', { n: ended, of: of.fires })} />
        {of.why !== '' && <span class="dim">{of.why}</span>}
      </td>
      <td class="dim">{of.asked_by}</td>
      {may('operate') && <td class="act">{isRunning && <ActionButton act={stop}>{t('stop')}</ActionButton>}</td>}
    </tr>
  );
}

function Table({ list, zone, reload }: { list: readonly Backfill[]; zone: string; reload: () => Promise<void> }) {
  return (
    <ListTable
      caption={t('backfills')}
      heads={[
        numeric(t('no_')),
        t('state'),
        t('from'),
        t('to'),
        t('whichFires'),
        numeric(t('ended')),
        { text: t('progress'), isHidden: true },
        t('who'),
      ]}
      acts={may('operate')}
    >
      {list.map((one) => (
        <Row key={one.id} of={one} zone={zone} stopped={reload} />
      ))}
    </ListTable>
  );
}

/** Fires of the past that run again: what would run, what runs, and what ran. */
export function Backfills({ job }: { job: Job }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const resource = useResource(async () => ({ list: await calls.backfills(job.id) }), `backfills ${job.id}`, ['run'], (change) => change.cron_id === job.id);
  const isRunning = resource.data.value?.list?.some((one) => one.state === 'running') ?? false;
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => void resource.reload(), lookAgain); // no event says that the last fire ended it
    return () => clearInterval(timer);
  }, [isRunning]);
  return (
    <Loaded of={resource}>
      {({ list }) =>
        list === undefined ? (
          <p class="note">{t('tooOld')}</p>
        ) : (
          <>
            {may('operate') && <Begin job={job} begun={resource.reload} />}
            <Section id="backfills" title={t('backfills')}>
              {list.length === 0 ? (
                <>
                  <p class="note">{t('noBackfills')}</p>
                  <Command label={t('backfills')}>{`peercron job backfill ${job.name || job.id} --from 'yesterday 00:00' --dry-run`}</Command>
                </>
              ) : (
                <Table list={list} zone={zone} reload={resource.reload} />
              )}
            </Section>
          </>
        )
      }
    </Loaded>
  );
}
