import { readChain, type Chain } from '../api/chain';
import { nameOf } from '../api/names';
import type { Job, Run } from '../api/types';
import { ListTable, numeric } from '../parts/list_table';
import { Command, Loaded } from '../parts/page';
import { Section } from '../parts/section';
import { RunState, State } from '../parts/state';
import { Strip } from '../parts/strip';
import { columns, drawChain, type Link } from '../rules/chain';
import { isAlarm, isFinal, lookOf, lookOfJob, retryOf, type Look } from '../rules/states';
import { clock, parseMoment, wholeMoment, writtenMoment } from '../rules/times';
import { now } from '../store/clock';
import { calendar, capital, duration, elapsed, inTime, t } from '../store/language';
import { useResource } from '../store/resource';
import { hereWith, jobHref, route, runHref } from '../store/route';
import { zoneOf } from '../store/zone';

/** A job of the chain, and how the fire went that is shown. */
interface Member extends Link {
  job: Job;
  run: Run | undefined;
  look: Look;
  word: string;
}

function memberOf(job: Job, chain: Chain): Member {
  const run = chain.runs.get(job.id);
  const runAfter = job.run_after ?? [];
  const member = { id: job.id, name: job.name, runAfter, job, run };
  if (run) {
    const look = lookOf(run.state, run.cause, retryOf(run));
    const word = look.word === 'retry' ? t('retryIn', { when: inTime(run.retry_at! - now.value) }) : t(look.word);
    return { ...member, look, word };
  }
  const look = lookOfJob(job);
  if (chain.at === null || look.word === 'stopped' || look.word === 'paused') return { ...member, look, word: t(look.word) };
  const parents = chain.jobs.filter((one) => runAfter.includes(one.name));
  const waits = parents.some((parent) => !isFinal(chain.runs.get(parent.id)?.state ?? 'planned'));
  return { ...member, look: lookOf('planned'), word: t(waits ? 'waits_' : 'noFire') };
}

const conditions = {
  success: ['itSucceeds', 'allSucceed'],
  failure: ['itFails', 'oneFails'],
  end: ['itIsOver', 'allAreOver'],
} as const;

/** What has to become of its parents; nothing for a job with a schedule. */
function conditionOf({ run_after: parents = [], run_after_on: on }: Job): string {
  const words = conditions[on as keyof typeof conditions];
  return parents.length === 0 || !words ? '' : t(words[parents.length > 1 ? 1 : 0]);
}

function Drawn({ members }: { members: readonly Member[] }) {
  const below = ({ job, word }: Member) => {
    const isUsual = job.run_after_on === 'success' || (job.run_after ?? []).length === 0;
    return isUsual ? word : t('conditionAnd', { condition: conditionOf(job), word });
  };
  const { width, height, nodes, edges } = drawChain(members, (member) => [nameOf(member.id, member.name), below(member)]);
  const nameIt = ({ id, name }: Member) => nameOf(id, name);
  const label = edges.map(({ from, to }) => t('leadsTo', { from: nameIt(from), to: nameIt(to) })).join(t('sentences'));
  return (
    <div class="scroll" role="region" aria-label={t('chain')} tabIndex={0}>
      <svg class="chain" width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label}>
        {edges.map(({ from, to, d }) => (
          <path key={`${from.id} ${to.id}`} class="edge" d={d} />
        ))}
        {nodes.map(({ link, x, y }) => (
          <g key={link.id}>
            <svg x={x} y={y - 7} width="14" height="14" class={`mark ${link.look.tone}`}>
              <use href={`#m-${link.look.mark}`} />
            </svg>
            <text x={x + 22} y={y - 2}>
              {nameIt(link)}
            </text>
            <text class="sub-text" x={x + 22} y={y + 15}>
              {below(link)}
            </text>
          </g>
        ))}
      </svg>
    </div>
  );
}

function RunsAfter({ job, chain }: { job: Job; chain: Chain }) {
  const parents = job.run_after ?? [];
  if (parents.length === 0) return <>{capital(job.schedule_in_words ?? job.cron_set)}</>;
  return (
    <>
      {parents.map((name, index) => {
        const parent = chain.jobs.find((one) => one.name === name);
        return (
          <span key={name}>
            {index > 0 && ', '}
            {parent ? <a href={jobHref(parent, { view: 'chain' })}>{name}</a> : name}
          </span>
        );
      })}
    </>
  );
}

function Row({ member, chain, of, zone }: { member: Member; chain: Chain; of: Job; zone: string }) {
  const { job, run, look, word } = member;
  const isHere = job.id === of.id;
  const took = run?.started_at == null ? '—' : isFinal(run.state) ? duration(run.use_time) : elapsed(now.value - run.started_at);
  return (
    <tr class={isAlarm(look) ? 'alarm' : undefined}>
      <td class="fit">{run ? <RunState run={run} /> : <State look={look}>{word}</State>}</td>
      <td class="grow">
        <a class="name" href={jobHref(job, { view: 'chain' })} aria-current={isHere ? 'true' : undefined}>
          {nameOf(job.id, job.name)}
        </a>
        {isHere && <span class="tag"> {t('thisJob')}</span>}
      </td>
      <td class="full">
        <RunsAfter job={job} chain={chain} />
      </td>
      <td class="fit">{conditionOf(job) || '—'}</td>
      <td class="fit w-t">{job.last_runs && <Strip ticks={job.last_runs} by={job.last_runs_by} />}</td>
      <td class="num">{run?.started_at != null ? <a href={runHref(run.id)}>{clock(run.started_at, zone)}</a> : run ? <a href={runHref(run.id)}>{t('why_')}</a> : '—'}</td>
      <td class="num">{took}</td>
    </tr>
  );
}

function Alone({ job }: { job: Job }) {
  return (
    <section class="empty">
      <p class="dim">{t('noChain')}</p>
      <Command label={t('chain')}>{`peercron job add --name after-it --run-after ${job.name || 'NAME'} -- command`}</Command>
    </section>
  );
}

function Whole({ job, chain, isNewest }: { job: Job; chain: Chain; isNewest: boolean }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const members = columns(chain.jobs.map((one) => memberOf(one, chain))).flat();
  const { at, earlier } = chain;
  return (
    <>
      <Section
        title={at === null ? t('chain') : t('chainOfFire', { when: wholeMoment(at, zone, calendar()) })}
        end={
          at !== null && (
            <span class="switch">
              {earlier !== null && <a href={hereWith({ at: writtenMoment(earlier, zone) })}>{t('fireBefore')}</a>}
              <a href={hereWith({ at: undefined })} aria-current={isNewest ? 'true' : undefined}>
                {t('newestFire')}
              </a>
            </span>
          )
        }
      >
        <Drawn members={members} />
        {at === null && <p class="note">{t('chainNeverFired')}</p>}
        {chain.hasMore && <p class="note">{t('chainGoesOn', { n: chain.jobs.length })}</p>}
      </Section>
      <Section title={t('sameAsList')}>
        <ListTable
          caption={t('jobsOfChain')}
          heads={[
            t('state'),
            t('job'),
            t('runsAfter'),
            t('runsWhen'),
            { text: t('last30'), look: 'w-t' },
            numeric(t('started')),
            numeric(t('took')),
          ]}
        >
          {members.map((member) => (
            <Row key={member.job.id} member={member} chain={chain} of={job} zone={zone} />
          ))}
        </ListTable>
      </Section>
    </>
  );
}

/** What runs before and after the job, and how one fire of it went. */
export function ChainTab({ job }: { job: Job }) {
  const given = route.value.query.get('at') ?? '';
  const at = given === '' ? undefined : parseMoment(given, zoneOf(job.zone ?? job.time_zone));
  const isOfChain = (id: number | undefined, chain: Chain | undefined) => !chain || chain.jobs.some((one) => one.id === id);
  const resource = useResource(
    () => readChain(job, at),
    `chain ${job.id} ${at ?? ''}`,
    ['run', 'job'],
    (change, chain) => isOfChain(change.cron_id ?? change.id, chain),
  );
  return (
    <Loaded of={resource}>
      {(chain) => (chain.jobs.length === 1 ? <Alone job={job} /> : <Whole job={job} chain={chain} isNewest={at === undefined} />)}
    </Loaded>
  );
}
