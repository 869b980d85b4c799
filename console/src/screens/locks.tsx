import * as calls from '../api/calls';
import { nameOf } from '../api/names';
import type { Lock, LockRun } from '../api/types';
import { Ask, type Values } from '../parts/dialog';
import { ListTable, numeric } from '../parts/list_table';
import { Menu, type MenuItem } from '../parts/menu';
import { Command, Trouble } from '../parts/page';
import { Section } from '../parts/section';
import { asked } from '../store/asked';
import { now } from '../store/clock';
import { elapsed, t } from '../store/language';
import { tell } from '../store/live';
import { useResource } from '../store/resource';
import { runHref } from '../store/route';
import { may } from '../store/session';
import { counted } from '../store/access_views';

type Done = () => Promise<void>;

function askLimit(lock: Lock | undefined, done: Done): void {
  const fields = () => [
    ...(lock ? [] : [{ name: 'name', label: t('lock') }]),
    { name: 'limit', label: t('limit'), initial: String(lock?.limit ?? 1), help: t('limitMeans') },
  ];
  const act = async (values: Values) => {
    await calls.setLock(lock ? { ...values, name: lock.name } : values);
    tell('run');
    await done();
  };
  asked.value = (
    <Ask title={lock ? t('limitOf', { name: lock.name }) : t('setLimit')} action={t('save')} fields={fields} act={act}>
      {lock && <p class="dim">{t('limitTouches', { n: lock.jobs })}</p>}
    </Ask>
  );
}

function askNoLimit(lock: Lock, done: Done): void {
  const act = async () => {
    await calls.deleteLock(lock.name);
    tell('run');
    await done();
  };
  asked.value = (
    <Ask title={t('noLimitOf', { name: lock.name })} action={t('limitBack')} act={act}>
      <p class="dim">{t('limitTouches', { n: lock.jobs })}</p>
    </Ask>
  );
}

function Runs({ runs, since }: { runs: readonly LockRun[]; since: boolean }) {
  return (
    <>
      {runs.map((run, index) => (
        <span key={run.id}>
          {index > 0 && ', '}
          <a href={runHref(run.id)}>{nameOf(run.cron_id, run.job)}</a>
          {run.weight > 1 && ` (${run.weight})`}
          {since && run.started_at !== null && ` ${elapsed(now.value - run.started_at)}`}
        </span>
      ))}
    </>
  );
}

function menuOf(lock: Lock, done: Done): MenuItem[] {
  const set = { label: t('change…'), act: () => askLimit(lock, done) };
  return lock.is_set ? [set, { label: t('limitBack…'), act: () => askNoLimit(lock, done) }] : [set];
}

/** What jobs share, who has it and who waits for it. */
export function Locks() {
  const resource = useResource(async () => ({ list: counted('locks', await calls.locks()) }), 'locks', ['run', 'job']);
  const list = resource.data.value?.list;
  if (!list) return <Trouble of={resource} />;
  return (
    <Section
      id="locks"
      title={t('locks')}
      end={
        may('admin') && (
          <button type="button" onClick={() => askLimit(undefined, resource.reload)}>
            {t('setLimit…')}
          </button>
        )
      }
    >
      <Trouble of={resource} />
      {list.length === 0 ? (
        <>
          <p class="note">{t('noLocks')}</p>
          <Command label={t('locks')}>{'peercron job update extract --locks db\npeercron job update vacuum --locks db'}</Command>
        </>
      ) : (
        <ListTable
          caption={t('locks')}
          heads={[t('lock'), numeric(t('held')), t('heldBy'), t('waiting'), numeric(t('jobs'))]}
          acts={may('admin')}
        >
          {list.map((lock) => (
            <tr key={lock.name}>
              <td class="name">{lock.name}</td>
              <td class="num">{t('ofLimit', { n: lock.taken, of: lock.limit })}</td>
              <td class="full">
                {lock.owners.length === 0 ? <span class="dim">{t('free')}</span> : <Runs runs={lock.owners} since />}
              </td>
              <td class="full" data-l={lock.waiting.length > 0 ? t('waiting') : undefined}>
                {lock.waiting.length > 0 && <Runs runs={lock.waiting} since={false} />}
              </td>
              <td class="num" data-l={t('jobs')}>{t('number', { n: lock.jobs })}</td>
              {may('admin') && (
                <td class="act">
                  <Menu name={lock.name} items={menuOf(lock, resource.reload)} />
                </td>
              )}
            </tr>
          ))}
        </ListTable>
      )}
    </Section>
  );
}
