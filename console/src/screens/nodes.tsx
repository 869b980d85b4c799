import { Fragment } from 'preact';

import * as calls from '../api/calls';
import { nameOf } from '../api/names';
import { overview } from '../api/overview';
import type { Health, Node, Nodes } from '../api/types';
import { Slots } from '../parts/gauge';
import { ListTable, numeric } from '../parts/list_table';
import { Head, Loaded } from '../parts/page';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { DatedTime } from '../parts/time';
import { inWholeCells, outline, ran, spread } from '../rules/cells';
import { lookOf, type Look } from '../rules/states';
import { wholeMoment } from '../rules/times';
import { clusterHealth } from '../store/health';
import { calendar, elapsed, grouped, t, tx } from '../store/language';
import { now } from '../store/clock';
import { useResource } from '../store/resource';
import { hereWith, route, runHref } from '../store/route';
import { listZone } from '../store/zone';

function lookOfNode(node: Node): { look: Look; word: string } {
  const ok = lookOf('success');
  if (node.draining && !node.passing && !node.connected) return { look: { mark: 'stopped', tone: '', word: 'stopped' }, word: t('nodeStopped') };
  if (node.draining) return { look: { mark: 'retry', tone: 'wait', word: 'retry' }, word: t('draining') };
  if (!node.passing) return { look: lookOf('failed'), word: t('checksFail') };
  if (!node.connected) return { look: { mark: 'retry', tone: 'wait', word: 'retry' }, word: t('notConnected') };
  return { look: ok, word: t(node.is_dispatcher ? 'dispatcher_' : 'alive') };
}

function clockText(millis: number | null): string {
  if (millis === null) return '—';
  return `${millis < 0 ? '−' : '+'}${Math.abs(millis)} ms`;
}

/** Its addresses are shown beside it. */
function labelsOf(node: Node): string[] {
  return (node.labels ?? []).filter((label) => !label.startsWith('address='));
}

/** How far clocks may differ before a person should know. */
const clockLimit = 100;

const cell = 600;
const day = 86_400;
const shownTerms = 6;

/** Runs of the past day in cells of ten minutes, by node, and the most of a cell. */
interface Load {
  of: ReadonlyMap<string, readonly number[]>;
  most: number;
}

async function readLoad(): Promise<Load> {
  const to = Math.ceil(Date.now() / 1000 / cell) * cell;
  const found = await calls.histogram({ from: to - day, to, step: cell, by: 'node' });
  const of = new Map<string, number[]>();
  if (!found) return { of, most: 1 };
  for (const name of new Set(found.cells.map((one) => one.run_server ?? ''))) {
    const cells = found.cells.filter((one) => one.run_server === name);
    of.set(name, spread(inWholeCells({ ...found, cells })).map((one) => (one ? ran(one) : 0)));
  }
  return { of, most: Math.max(1, ...[...of.values()].flat()) };
}

/** All nodes have the same scale. */
function LoadStrip({ runs, most }: { runs: readonly number[]; most: number }) {
  const all = runs.reduce((sum, n) => sum + n, 0);
  return (
    <svg class="strip" viewBox={`0 0 ${runs.length} 20`} preserveAspectRatio="none" role="img" aria-label={t('runsOfDay', { n: all })}>
      <path class="used" d={outline(runs, 20, most)} />
    </svg>
  );
}

/** Which nodes dispatched, the newest first. */
function Terms() {
  const terms = useResource(overview, 'overview', ['node']).data.value?.dispatchers ?? [];
  if (terms.length === 0) return null;
  const newest = [...terms].sort((a, b) => b.epoch - a.epoch).slice(0, shownTerms);
  return (
    <Section title={t('whoDispatched')} beside={t('past24')}>
      <ListTable caption={t('whoDispatched')} heads={[t('since'), t('node'), numeric(t('epoch'))]}>
        {newest.map((term) => (
          <tr key={term.epoch}>
            <td class="time">
              <DatedTime at={term.at} zone={listZone.value} />
            </td>
            <td class="grow name">{term.node}</td>
            <td class="num" data-l={t('epoch')}>{grouped(term.epoch)}</td>
          </tr>
        ))}
      </ListTable>
    </Section>
  );
}

function Row({ node, newest, load }: { node: Node; newest: string; load: Load | undefined }) {
  const { look, word } = lookOfNode(node);
  const used = (node.running ?? 0) + (node.queued ?? 0);
  const isOff = node.clock_offset_ms !== null && Math.abs(node.clock_offset_ms) > clockLimit;
  return (
    <tr class={look.tone === 'bad' ? 'alarm' : undefined}>
      <td class="fit">
        <State look={look}>{word}</State>
      </td>
      <td class="grow">
        <a class="name" href={hereWith({ stop: node.name })}>
          {node.name}
        </a>{' '}
        {node.http_address !== '' && node.http_address !== node.name && <span class="zone">{node.http_address}</span>}{' '}
        <span class="tags">
          {labelsOf(node).map((label) => (
            <Fragment key={label}>
              <span class="tag">{label}</span>{' '}
            </Fragment>
          ))}
        </span>
      </td>
      <td class="num" data-l={t('running_')}>
        {node.running ?? '—'}
      </td>
      <td class="full below">
        {node.slots !== null && <Slots used={used} of={node.slots} label={t('nOfSlots', { n: used, slots: node.slots })} />}
      </td>
      <td class="num w-m">{node.slots ?? '—'}</td>
      <td class="fit w-t">{load?.of.has(node.name) && <LoadStrip runs={load.of.get(node.name)!} most={load.most} />}</td>
      <td class="num" data-l={t('held')}>
        {node.held ?? '—'}
      </td>
      <td class="num" data-l={t('waiting')}>
        {node.queued ?? '—'}
      </td>
      <td class="num" data-l={t('clock')}>
        {isOff ? <span class="slow">{clockText(node.clock_offset_ms)}</span> : clockText(node.clock_offset_ms)}
      </td>
      <td class={node.version === newest ? 'w-l' : 'w-l slow'}>{node.version}</td>
    </tr>
  );
}

function Table({ nodes }: { nodes: readonly Node[] }) {
  const load = useResource(readLoad, `load ${Math.floor(now.value / 60_000)}`).data.value;
  const newest = [...nodes].map((node) => node.version).sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1) ?? '';
  return (
    <ListTable
      caption={t('nodes')}
      heads={[
        t('state'),
        t('node'),
        numeric(t('running_')),
        t('inUse'),
        numeric(t('slots'), 'w-m'),
        { text: t('runs24'), look: 'w-t' },
        numeric(t('held')),
        numeric(t('waiting')),
        numeric(t('clock')),
        { text: t('version'), look: 'w-l' },
      ]}
    >
      {nodes.map((node) => (
        <Row key={node.name} node={node} newest={newest} load={load} />
      ))}
    </ListTable>
  );
}

function Answer({ of }: { of: Nodes }) {
  const alive = of.nodes.filter((node) => node.passing && !node.draining);
  const draining = of.nodes.filter((node) => node.draining && node.connected);
  const failing = of.nodes.filter((node) => !node.passing && !node.draining);
  return (
    <p class="answer">
      {of.dispatcher === '' ? (
        <strong class="strong">{t('noDispatcher')}</strong>
      ) : (
        tx('nodesAnswer', { n: of.nodes.length, alive: alive.length, dispatcher: of.dispatcher })
      )}
      {draining.map((node) => (
        <strong class="strong" key={node.name}>
          {' '}
          {t('nodeDrainsWith', { node: node.name, n: node.running ?? 0 })}
        </strong>
      ))}
      {failing.map((node) => (
        <strong class="strong" key={node.name}>
          {' '}
          {t('nodeFails', { node: node.name })}
        </strong>
      ))}
    </p>
  );
}

function IfStopped({ nodes }: { nodes: readonly Node[] }) {
  const wanted = route.value.query.get('stop');
  const chosen = nodes.find((node) => node.name === wanted) ?? nodes[0];
  const resource = useResource(async () => ({ answer: chosen && (await calls.ifStopped(chosen.name)) }), chosen?.name ?? '', ['node', 'run']);
  const answer = resource.data.value?.answer;
  if (!chosen || !answer) return null;
  return (
    <Section
      title={t('ifNodeStopped')}
      end={
        <span class="switch">
          {nodes.map((node) => (
            <a key={node.name} href={hereWith({ stop: node.name })} aria-current={node === chosen ? 'true' : undefined}>
              {node.name}
            </a>
          ))}
        </span>
      }
    >
      <p>{answer.answer}</p>
      {answer.running.length > 0 && (
        <ul class="lines">
          {answer.running.slice(0, 8).map((run) => (
            <li key={run.id}>
              <a class="name" href={runHref(run.id)}>
                {nameOf(run.cron_id, run.name)}
              </a>
              <span class="end">{run.started_at !== null && elapsed(now.value - run.started_at)}</span>
            </li>
          ))}
        </ul>
      )}
      {answer.others.length > 0 && <p class="note">{t('slotsLeft', { n: answer.slots_left })}</p>}
    </Section>
  );
}

const journalWords = { ok: 'journalOk', off: 'journalOff', failing: 'journalFails', unavailable: 'journalGone' } as const;

function StoreAndElection({ of, health }: { of: Nodes; health: Health }) {
  const isAway = health.store === 'away';
  const word = journalWords[health.journal as keyof typeof journalWords];
  return (
    <Section title={t('storeAndElection')} beside={t('asSeenBy', { node: health.node })}>
      <dl class="facts">
        <dt>{t('database')}</dt>
        <dd>
          <State look={lookOf(isAway ? 'failed' : 'success')}>{t(isAway ? 'away' : 'answers')}</State>
          {of.store_trouble !== '' && <> {of.store_trouble}</>}
        </dd>
        <dt>{t('dispatcher')}</dt>
        <dd>{of.dispatcher === '' ? t('none') : t('inEpoch', { node: of.dispatcher, epoch: grouped(of.epoch) })}</dd>
        <dt>{t('journal')}</dt>
        <dd>{word ? t(word) : health.journal}</dd>
        <dt>{t('clock')}</dt>
        <dd>{health.clock === 'ok' ? t('clockOk') : health.clock}</dd>
        <dt>{t('timeZone')}</dt>
        <dd>{health.time_zone}</dd>
        {health.certificate_expires_at && (
          <>
            <dt>{t('certificate')}</dt>
            <dd>{t('untilTime', { time: wholeMoment(health.certificate_expires_at, listZone.value, calendar()) })}</dd>
          </>
        )}
      </dl>
    </Section>
  );
}

export function NodesScreen() {
  const resource = useResource(calls.nodes, 'nodes', ['node', 'health']);
  const health = clusterHealth.value;
  return (
    <>
      <Head title={t('nodes')} beside={resource.data.value && t('number', { n: resource.data.value.nodes.length })} />
      <Loaded of={resource}>
        {(of) => (
          <>
            <Answer of={of} />
            <section>
              <Table nodes={of.nodes} />
            </section>
            <div class="pair even">
              <IfStopped nodes={of.nodes} />
              <div>
                {health && <StoreAndElection of={of} health={health} />}
                <Terms />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}
