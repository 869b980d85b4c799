import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { learnNames } from '../api/names';
import type { List, Run } from '../api/types';
import { Head, Loaded, Pages } from '../parts/page';
import { RunsTable } from '../parts/runs_table';
import { TagChoice } from '../parts/tag_choice';
import { parseMoment } from '../rules/times';
import { clusterNodes } from '../store/health';
import { t, tx } from '../store/language';
import { useResource } from '../store/resource';
import { go, hereWith, href, route } from '../store/route';
import { listZone } from '../store/zone';

const limit = 50;

const tabs = [
  { state: '', word: 'all' },
  { state: 'unsuccessful', word: 'notSuccessful' },
  { state: 'failed', word: 'failed_' },
  { state: 'timeout', word: 'timeoutCap' },
  { state: 'missed', word: 'missedTab' },
  { state: 'running', word: 'running_' },
  { state: 'skipped', word: 'skippedTab' },
  { state: 'killed', word: 'killedCap' },
] as const;

/** What the address asks for. */
function readFilter() {
  const { query } = route.value;
  const get = (name: string) => query.get(name) ?? '';
  return {
    state: get('state') || (get('show') === 'unsuccessful' ? 'unsuccessful' : ''),
    job: get('job'),
    node: get('node'),
    tag: get('tag'),
    from: get('from'),
    to: get('to'),
    q: get('q'),
    page: Math.max(1, Number(get('page') || 1) || 1),
  };
}

type Filter = ReturnType<typeof readFilter>;

const unsuccessful = ['failed', 'timeout', 'lost', 'fenced', 'killed'];

/** The ledger can be asked for one state, or for what was missed: the newest of each, together. */
async function readUnsuccessful(params: object): Promise<List<Run>> {
  const of = (more: object) => calls.runs({ ...params, page: 1, limit: 100, ...more });
  const lists = await Promise.all([...unsuccessful.map((state) => of({ state })), of({ missed: 1 })]);
  const all = new Map(lists.flatMap(({ list }) => list.map((run) => [run.id, run])));
  const newest = [...all.values()].sort((a, b) => (b.scheduled_at ?? 0) - (a.scheduled_at ?? 0)).slice(0, 200);
  return { list: newest, total: newest.length };
}

async function readRuns(filter: Filter, zone: string): Promise<List<Run>> {
  const second = (text: string) => {
    const at = text === '' ? undefined : parseMoment(text, zone);
    return at === undefined ? undefined : Math.floor(at / 1000);
  };
  const job = filter.job === '' ? undefined : await calls.jobId(filter.job);
  const params = {
    cron_id: job,
    run_server: filter.node || undefined,
    tag: filter.tag || undefined,
    search: filter.q || undefined,
    from: second(filter.from),
    to: second(filter.to),
  };
  if (filter.state === 'unsuccessful') return readUnsuccessful(params);
  const state = filter.state === 'missed' ? { missed: 1 } : { state: filter.state || undefined };
  return calls.runs({ ...params, ...state, page: filter.page, limit });
}

function Bar({ filter }: { filter: Filter }) {
  const zone = listZone.value;
  const wrong = useSignal('');
  const set = (name: string) => (event: Event) => {
    const { value } = event.currentTarget as HTMLInputElement;
    const isMoment = name === 'from' || name === 'to';
    wrong.value = isMoment && value !== '' && parseMoment(value, zone) === undefined ? name : '';
    if (wrong.value === '') go(hereWith({ [name]: value, page: undefined }), 'replace');
  };
  const moment = (name: 'from' | 'to') => (
    <span class="field short">
      <label class="hide" for={name}>
        {t(name)}
      </label>
      <input
        id={name}
        type="text"
        placeholder={`${t(name)} 2026-11-28 02:00`}
        defaultValue={filter[name]}
        aria-invalid={wrong.value === name}
        aria-describedby={wrong.value === name ? 'moment-error' : undefined}
        onChange={set(name)}
      />
    </span>
  );
  return (
    <form class="bar" role="search" onSubmit={(event) => event.preventDefault()}>
      <span class="field short">
        <label class="hide" for="job">
          {t('job')}
        </label>
        <input id="job" type="text" placeholder={t('jobName')} defaultValue={filter.job} onChange={set('job')} />
      </span>
      <label class="hide" for="node">
        {t('node')}
      </label>
      <select id="node" value={filter.node} onChange={set('node')}>
        <option value="">{t('allNodes')}</option>
        {clusterNodes.value?.nodes.map((node) => (
          <option key={node.name}>{node.name}</option>
        ))}
      </select>
      <TagChoice tag={filter.tag} choose={(tag) => go(hereWith({ tag, page: undefined }), 'replace')} />
      {moment('from')}
      {moment('to')}
      <span class="field short">
        <label class="hide" for="search">
          {t('inOutput')}
        </label>
        <input id="search" type="search" placeholder={t('inOutput')} defaultValue={filter.q} onChange={set('q')} />
      </span>
      {wrong.value !== '' && (
        <span class="field">
          <span class="error" id="moment-error" role="alert">
            {t('badMoment', { text: '' })}
          </span>
        </span>
      )}
    </form>
  );
}

export function RunsScreen() {
  const filter = readFilter();
  const zone = listZone.value;
  const resource = useResource(() => readRuns(filter, zone), JSON.stringify(filter) + zone, ['run']);
  const data = resource.data.value;
  useEffect(() => {
    if (data) learnNames(data.list).catch((error) => {
      if (!(error instanceof ApiError)) throw error;
    });
  }, [data]);
  const isWhole = filter.state === 'unsuccessful';
  return (
    <>
      <Head title={t('runs')} beside={data && (isWhole ? t('newest', { n: data.total }) : t('number', { n: data.total }))} />
      <nav class="tabs" aria-label={t('state')}>
        {tabs.map((tab) => (
          <a
            key={tab.state}
            href={hereWith({ state: tab.state, show: undefined, page: undefined })}
            aria-current={filter.state === tab.state ? 'true' : undefined}
          >
            {t(tab.word)}
          </a>
        ))}
      </nav>
      <Bar key={`${filter.job} ${filter.from} ${filter.to} ${filter.q}`} filter={filter} />
      <section class="list">
        <Loaded of={resource}>
          {({ list, total }) =>
            list.length === 0 ? (
              <p class="note">{tx('noRunsMatch', { all: <a href={href('runs')}>{t('showAllRuns')}</a> })}</p>
            ) : (
              <>
                <RunsTable runs={list} zone={zone} caption={t('runs')} withJob />
                {!isWhole && (
                  <Pages
                    page={filter.page}
                    limit={limit}
                    total={total}
                    shown={list.length}
                    address={(page) => hereWith({ page: page === 1 ? undefined : page })}
                    words={{ before: t('newer'), after: t('older') }}
                  />
                )}
              </>
            )
          }
        </Loaded>
      </section>
    </>
  );
}
