import { useSignal } from '@preact/signals';
import { Fragment } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import * as calls from '../api/calls';
import { nameOf, rememberNames } from '../api/names';
import { overview } from '../api/overview';
import type { Job, List } from '../api/types';
import { askBulk, askRunNow, askStart, askStop, isHeld, jobMenu, type Chosen } from '../parts/job_actions';
import { ListTable, numeric } from '../parts/list_table';
import { Menu } from '../parts/menu';
import { Head, Loaded, Pages } from '../parts/page';
import { askPause } from '../parts/pause_actions';
import { JobState } from '../parts/state';
import { Strip, StripLegend } from '../parts/strip';
import { TagChoice } from '../parts/tag_choice';
import { Time } from '../parts/time';
import { keepOrder } from '../rules/changed';
import { isAlarm, lookOfJob } from '../rules/states';
import { clock } from '../rules/times';
import { now } from '../store/clock';
import { useCursor } from '../store/cursor';
import { useKeys } from '../store/keys';
import { capital, duration, inTime, t, tx, usual } from '../store/language';
import { useResource } from '../store/resource';
import { go, hereWith, href, jobHref, route } from '../store/route';
import { may } from '../store/session';
import { listZone } from '../store/zone';

const limit = 28;

const tabs = [
  { state: '', word: 'all', count: 'total' },
  { state: 'failing', word: 'failing', count: 'failing' },
  { state: 'missed', word: 'missedTab', count: 'missed' },
  { state: 'running', word: 'running_', count: 'running' },
  { state: 'stopped', word: 'isStopped', count: 'stopped' },
] as const;

const sorts = [
  { sort: 'state', word: 'failingFirst' },
  { sort: 'name', word: 'name' },
  { sort: '-last_run_at', word: 'lastRun' },
  { sort: '-usual_time', word: 'longest' },
  { sort: '-late_p99', word: 'latest' },
] as const;

/** What the address asks for. */
function readFilter() {
  const { query } = route.value;
  return {
    state: query.get('state') ?? '',
    tag: query.get('tag') ?? '',
    q: query.get('q') ?? '',
    sort: query.get('sort') ?? 'state',
    page: Math.max(1, Number(query.get('page') ?? 1) || 1),
  };
}

type Filter = ReturnType<typeof readFilter>;

/** A page of the list, and what it was asked for with: while another one is read, the old one is shown. */
interface Found extends List<Job> {
  filter: Filter;
}

async function readJobs(filter: Filter): Promise<Found> {
  const { state, tag, q, sort, page } = filter;
  const found = await calls.jobs({
    page,
    limit,
    sort,
    state: state || undefined,
    tags: tag || undefined,
    search: q || undefined,
  });
  rememberNames(found.list);
  return { ...found, filter };
}

function Tabs({ filter }: { filter: Filter }) {
  const counts = useResource(overview, 'overview', ['run', 'job']).data.value?.jobs;
  const isNarrowed = filter.tag !== '' || filter.q !== '';
  return (
    <nav class="tabs" aria-label={t('state')}>
      {tabs.map((tab) => (
        <a
          key={tab.state}
          href={hereWith({ state: tab.state, page: undefined })}
          aria-current={filter.state === tab.state ? 'true' : undefined}
        >
          {t(tab.word)} {counts && !isNarrowed && <span class="n">{t('number', { n: counts[tab.count] })}</span>}
        </a>
      ))}
    </nav>
  );
}

function Bar({ filter, pending, update, isOlder }: {
  filter: Filter;
  pending: number;
  update: () => void;
  isOlder: boolean;
}) {
  const search = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  useKeys({ '/': () => search.current?.select() });
  const onSearch = (text: string) => {
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => go(hereWith({ q: text, page: undefined }), 'replace'), 200);
  };
  return (
    <form class="bar" role="search" onSubmit={(event) => event.preventDefault()}>
      <span class="grow">
        <label class="hide" for="q">
          {t('searchJobs')}
        </label>
        <input
          id="q"
          type="search"
          ref={search}
          placeholder={t('nameCommandRemark')}
          defaultValue={filter.q}
          onInput={(event) => onSearch(event.currentTarget.value)}
          onKeyDown={(event) => event.key === 'Escape' && search.current?.blur()}
        />
        <kbd>/</kbd>
      </span>
      <TagChoice tag={filter.tag} choose={(tag) => go(hereWith({ tag, page: undefined }))} />
      <label class="hide" for="sort">
        {t('sort')}
      </label>
      <select
        id="sort"
        disabled={isOlder}
        value={filter.sort}
        onChange={(event) => go(hereWith({ sort: event.currentTarget.value === 'state' ? undefined : event.currentTarget.value, page: undefined }))}
      >
        {sorts.map((one) => (
          <option key={one.sort} value={one.sort}>
            {t(one.word)}
          </option>
        ))}
      </select>
      <span class="end" role="status">
        {pending > 0 && (
          <>
            {t('rowsChanged', { n: pending })}{' '}
            <button type="button" class="plain" onClick={update}>
              {t('update')} <kbd>u</kbd>
            </button>
          </>
        )}
      </span>
    </form>
  );
}

interface RowProps {
  job: Job;
  isCursor: boolean;
  isChosen: boolean;
  choose: () => void;
}

function Row({ job, isCursor, isChosen, choose }: RowProps) {
  const look = lookOfJob(job);
  const classes = [isCursor && 'cursor', isAlarm(look) && 'alarm', isChosen && 'on'].filter(Boolean).join(' ');
  const name = nameOf(job.id, job.name);
  const next = job.next_run_at;
  return (
    <tr class={classes}>
      <td class="fit w-m">
        <label class="pick">
          <span class="hide">{t('select_', { name })}</span>
          <input type="checkbox" checked={isChosen} onChange={choose} />
        </label>
      </td>
      <td class="fit">
        <JobState job={job} />
      </td>
      <td class="grow job">
        <a class="name" href={jobHref(job)}>
          {name}
        </a>{' '}
        <span class="tags">
          {job.tags?.map((tag) => (
            <Fragment key={tag}>
              <span class="tag">{tag}</span>{' '}
            </Fragment>
          ))}
        </span>
      </td>
      <td class="sched full">
        {job.schedule_in_words ? capital(job.schedule_in_words) : <span class="mono">{job.cron_set}</span>}{' '}
        {job.cron_set !== '' && <span class="zone">{job.zone ?? job.time_zone}</span>}
      </td>
      <td class="fit">{job.last_runs && <Strip ticks={job.last_runs} by={job.last_runs_by} />}</td>
      <td class="num push">{next === null ? '—' : <Time at={next} zone={listZone.value} />}</td>
      <td class="num faint w-t">{next !== null && inTime(next - now.value)}</td>
      <td class="num w-l">{job.usual_time == null ? '—' : usual(job.usual_time)}</td>
      <td class="num w-l">
        {job.late_p99 == null ? '—' : duration(job.late_p99)}
        {job.goal_percent != null && (
          <>
            <br />
            <span class="faint">{t('goalShare', { percent: String(job.goal_percent) })}</span>
          </>
        )}
      </td>
      <td class="act w-m">
        <Menu name={name} items={jobMenu(job)} />
      </td>
    </tr>
  );
}

function Nothing({ filter }: { filter: Filter }) {
  const parts = [filter.state && t(tabs.find((tab) => tab.state === filter.state)?.word ?? 'all'), filter.tag, filter.q];
  return (
    <p>
      {tx('noJobsMatch', {
        what: parts.filter(Boolean).join(', '),
        all: <a href={href('jobs')}>{t('showAllJobs')}</a>,
      })}
    </p>
  );
}

function NoJobsYet() {
  return (
    <section class="empty">
      <p class="answer">{t('noJobsImport')}</p>
      <pre class="cmd" tabIndex={0} role="region" aria-label={t('commandImport')}>
        {'crontab -l | peercron import --dry-run -      # '}
        {t('showsOnly')}
        {'\ncrontab -l | peercron import -'}
      </pre>
      <p class="dim">{t('orByHand')}</p>
      <pre class="cmd" tabIndex={0} role="region" aria-label={t('commandAdd')}>
        {"peercron job add --name hello --cron '* * * * *' -- date"}
      </pre>
    </section>
  );
}

function Bulk({ chosen, rows, total, filter, all, isOlder, chooseAll, clear }: {
  chosen: ReadonlySet<number>;
  rows: readonly Job[];
  total: number;
  filter: Filter;
  all: boolean;
  isOlder: boolean;
  chooseAll: () => void;
  clear: () => void;
}) {
  const count = all ? total : chosen.size;
  const touched = rows.filter((job) => chosen.has(job.id));
  const running = touched.filter((job) => job.running).length;
  const upcoming = touched.filter((job) => job.next_run_at !== null).sort((a, b) => a.next_run_at! - b.next_run_at!);
  const first = upcoming[0];
  const selection: calls.Selection = !all
    ? { ids: [...chosen].join(',') }
    : filter.tag !== ''
      ? { tag: filter.tag }
      : filter.q !== ''
        ? { search: filter.q }
        : { all: 1 };
  const what: Chosen = { selection, ids: [...chosen], count };
  const touches = [
    t('stopTouches', { n: count }),
    running > 0 ? t('runAndGoOn', { n: running }) : '',
    first ? t('firstNotHappening', { name: nameOf(first.id, first.name), time: clock(first.next_run_at!, listZone.value) }) : '',
  ]
    .filter(Boolean)
    .join(' ');
  const ask = (action: calls.BulkAction, says: string) => askBulk(action, what, says, clear);
  const actions = {
    run: () => ask('run', t('runTouches', { n: count })),
    stop: () => ask('stop', touches),
    start: () => ask('start', t('startTouches', { n: count })),
    delete: () => ask('delete', t('deleteTouches', { n: count })),
  };
  useKeys({ r: actions.run, s: actions.stop, Escape: clear });
  // One of tag, search and everything is what a call can be about; with a state it is the page alone.
  const canTakeAll = !isOlder && total > rows.length && filter.state === '' && (filter.tag === '' || filter.q === '');
  return (
    <div class="bulk" role="region" aria-label={t('selectedJobs')}>
      <strong class="strong">{t('jobsSelected', { n: count })}</strong>
      {canTakeAll && !all && (
        <button type="button" class="plain" onClick={chooseAll}>
          {t('selectAll', { n: total })}
        </button>
      )}
      <span class="end buttons">
        {may('operate') && (
          <>
            <button type="button" onClick={actions.run}>
              {t('runNow')} <kbd>r</kbd>
            </button>
            <button type="button" onClick={actions.stop}>
              {t('stop…')} <kbd>s</kbd>
            </button>
            <button type="button" onClick={actions.start}>
              {t('start')}
            </button>
          </>
        )}
        {may('admin') && (
          <button type="button" class="last" onClick={actions.delete}>
            {t('delete…')}
          </button>
        )}
        <button type="button" class="plain" onClick={clear}>
          {t('clear')} <kbd>Esc</kbd>
        </button>
      </span>
      <p class="dim touches">{t('stop')}: {touches}</p>
    </div>
  );
}

function PickPage({ isWhole, toggle }: { isWhole: boolean; toggle: () => void }) {
  return (
    <label class="pick">
      <span class="hide">{t('selectPage')}</span>
      <input type="checkbox" checked={isWhole} onChange={toggle} />
    </label>
  );
}

function Table({ list }: { list: Found }) {
  const { filter } = list;
  const key = JSON.stringify(filter);
  const shown = useRef<{ key: string; ids: number[]; rows: Map<number, Job> }>({ key: '', ids: [], rows: new Map() });
  const isAsked = useSignal(0);
  const update = () => {
    shown.current.key = '';
    isAsked.value += 1;
  };
  const chosen = useSignal<ReadonlySet<number>>(new Set());
  const all = useSignal(false);
  const clear = () => {
    chosen.value = new Set();
    all.value = false;
  };
  useEffect(clear, [key]);
  void isAsked.value;

  if (shown.current.key !== key) shown.current = { key, ids: list.list.map((job) => job.id), rows: new Map() };
  const { rows, pending } = keepOrder(shown.current.ids, list.list, shown.current.rows);
  shown.current.rows = new Map(rows.map((job) => [job.id, job]));
  const byId = (id: string) => rows.find((job) => String(job.id) === id);
  const toggle = (id: number) => {
    const next = new Set(chosen.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
    all.value = false;
  };
  const isBulk = chosen.value.size > 0;
  const onRow = (act: (job: Job) => void) => (id: string) => {
    const job = byId(id);
    if (job) act(job);
  };
  const cursor = useCursor(rows.map((job) => String(job.id)), {
    open: onRow((job) => go(jobHref(job))),
    x: onRow((job) => toggle(job.id)),
    r: isBulk || !may('operate') ? undefined : onRow(askRunNow),
    s: isBulk || !may('operate') ? undefined : onRow((job) => (isHeld(job) ? askStart(job) : askStop(job))),
    e: may('admin') ? onRow((job) => go(jobHref(job, { view: 'definition' }))) : undefined,
  });
  useKeys({ u: update });
  const isOlder = isOlderNode(list.list);
  const isWhole = rows.length > 0 && rows.every((job) => chosen.value.has(job.id));
  const togglePage = () => (isWhole ? clear() : (chosen.value = new Set(rows.map((job) => job.id))));
  return (
    <>
      <Bar filter={filter} pending={pending} update={update} isOlder={isOlder} />
      {isOlder && <p class="note">{t('olderNode')}</p>}
      <section class="list">
        {rows.length === 0 ? (
          <Nothing filter={filter} />
        ) : (
          <ListTable
            caption={t('jobs')}
            heads={[
              { text: <PickPage isWhole={isWhole} toggle={togglePage} />, look: 'w-m' },
              t('state'),
              t('job'),
              t('schedule'),
              t('last30'),
              numeric(t('nextFire')),
              { text: t('in_'), look: 'w-t', isHidden: true },
              numeric(t('usual'), 'w-l'),
              numeric(t('lateP99'), 'w-l'),
              { text: t('actions'), look: 'w-m', isHidden: true },
            ]}
            className="fold jobs"
          >
            {rows.map((job) => (
              <Row
                key={job.id}
                job={job}
                isCursor={cursor === String(job.id)}
                isChosen={all.value || chosen.value.has(job.id)}
                choose={() => toggle(job.id)}
              />
            ))}
          </ListTable>
        )}
        <Pages
          page={filter.page}
          limit={limit}
          total={list.total}
          shown={rows.length}
          address={(page) => hereWith({ page: page === 1 ? undefined : page })}
        >
          <StripLegend />
        </Pages>
        {isBulk && (
          <Bulk
            chosen={chosen.value}
            rows={rows}
            total={list.total}
            filter={filter}
            all={all.value}
            isOlder={isOlder}
            chooseAll={() => (all.value = true)}
            clear={clear}
          />
        )}
      </section>
    </>
  );
}

/** Whether the node does not tell states of jobs, and so cannot find jobs by them. */
const isOlderNode = (jobs: readonly Job[]) => jobs[0] !== undefined && jobs[0].last_state === undefined;

export function JobsScreen() {
  const filter = readFilter();
  const resource = useResource(() => readJobs(filter), JSON.stringify(filter), ['run', 'job']);
  const isUnfiltered = filter.state === '' && filter.tag === '' && filter.q === '';
  const total = resource.data.value?.total;
  return (
    <>
      <Head title={t('jobs')} beside={total !== undefined && (total === 0 && isUnfiltered ? t('noneYet') : t('number', { n: total }))}>
        {may('operate') && total !== 0 && (
          <button type="button" onClick={() => askPause(filter.tag)}>
            {t('pause…')}
          </button>
        )}
        {may('admin') && (
          <a class={total === 0 && isUnfiltered ? 'button first' : 'button'} href={href('new')}>
            {t('newJob')} <kbd>n</kbd>
          </a>
        )}
      </Head>
      {total === 0 && isUnfiltered ? (
        <NoJobsYet />
      ) : (
        <>
          {!isOlderNode(resource.data.value?.list ?? []) && <Tabs filter={filter} />}
          <Loaded of={resource}>{(list) => <Table list={list} />}</Loaded>
        </>
      )}
    </>
  );
}
