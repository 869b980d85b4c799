import { useSignal } from '@preact/signals';

import { ApiError } from '../api/client';
import { nameOf } from '../api/names';
import type { Finding } from '../api/types';
import { findingsText } from '../parts/banners';
import { ListTable } from '../parts/list_table';
import { Command, explanation, Head } from '../parts/page';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { lookOf } from '../rules/states';
import { clock, writtenMoment } from '../rules/times';
import { accessViews, counts } from '../store/access_views';
import { audited, mostFindings, readAudit, type Audited } from '../store/audited';
import { now } from '../store/clock';
import { duration, t } from '../store/language';
import { href, route } from '../store/route';
import { caller, may, seesAllJobs } from '../store/session';
import { listZone } from '../store/zone';
import { AccessLog } from './access_log';
import { Accounts, askPassword, Tokens } from './accounts';
import { Calendars } from './calendars';
import { Channels } from './channels';
import { Locks } from './locks';

const day = 86_400_000;

function Findings({ findings }: { findings: readonly Finding[] }) {
  const zone = listZone.value;
  return (
    <ListTable caption={t('findings')} heads={[t('kind'), t('time'), t('job'), t('what')]}>
      {findings.slice(0, mostFindings).map((finding, index) => (
        <tr key={index}>
          <td class="fit">{finding.kind.replace(/_/g, ' ')}</td>
          <td class="time">{writtenMoment(finding.scheduled_at, zone)}</td>
          <td>
            {finding.cron_id === 0 ? (
              t('allJobs')
            ) : (
              <a class="name" href={href(`job/${finding.cron_id}`)}>
                {nameOf(finding.cron_id)}
              </a>
            )}
          </td>
          <td class="full">{finding.what}</td>
        </tr>
      ))}
    </ListTable>
  );
}

/** Which fires were due, compared with the ledger. */
function Audit() {
  const days = useSignal(1);
  const result = useSignal<Audited | undefined>(audited.peek()); // what a banner has led to stands there already
  const error = useSignal('');
  const isAtIt = useSignal(false);
  const ask = async () => {
    isAtIt.value = true;
    error.value = '';
    try {
      result.value = await readAudit(days.value * day, now.peek());
    } catch (failed) {
      if (!(failed instanceof ApiError)) throw failed;
      error.value = explanation(failed);
    } finally {
      isAtIt.value = false;
    }
  };
  const zone = listZone.value;
  const done = result.value;
  const found = done ? findingsText(done.totals) : '';
  return (
    <Section
      id="audit"
      title={t('audit')}
      end={
        <>
          <label class="hide" for="days">
            {t('days')}
          </label>
          <select id="days" value={days.value} onChange={(event) => (days.value = Number(event.currentTarget.value))}>
            {[1, 7, 30].map((n) => (
              <option key={n} value={n}>
                {t('lastDays', { n })}
              </option>
            ))}
          </select>{' '}
          <button type="button" disabled={isAtIt.value} onClick={() => void ask()}>
            {t(isAtIt.value ? 'auditing' : 'auditNow')}
          </button>
        </>
      }
    >
      {error.value !== '' && (
        <p class="note trouble" role="alert">
          <State look={lookOf('failed')}>{error.value}</State>
        </p>
      )}
      {!done && error.value === '' && <p class="note">{t('auditMeans')}</p>}
      {done && (
        <>
          <p>
            <State look={lookOf(done.totals.clean ? 'success' : 'failed')}>{t(done.totals.clean ? 'auditClean' : 'auditFound')}</State>{' '}
            {t('firesDue', { n: done.totals.due })}
            {found !== '' && t('comma', { text: found })}
            {done.totals.late_p99 != null && t('comma', { text: t('lateBy99', { time: duration(done.totals.late_p99) }) })}
            {t('stop_')}{' '}
            <span class="dim">{t('checkedAt', { time: clock(done.at, zone) })}</span>
          </p>
          {done.findings.length > 0 && <Findings findings={done.findings} />}
        </>
      )}
      <Command label={t('commandAudit')}>{`peercron audit --from '${writtenMoment(now.value - days.value * day, zone).slice(0, 10)}'`}</Command>
    </Section>
  );
}

/** For those who do not see accounts. */
function You() {
  const who = caller.value;
  if (!who) return null;
  return (
    <Section id="you" title={t('you')}>
      {who.tokens ? (
        <dl class="facts">
          <dt>{t('name')}</dt>
          <dd>{who.name}</dd>
          <dt>{t('role')}</dt>
          <dd>{who.role}</dd>
          <dt>{t('mayDo')}</dt>
          <dd>{t(`role_${who.role}`)}</dd>
          <dt>{t('jobs')}</dt>
          <dd>{seesAllJobs() ? t('allJobs') : who.tags!.join(', ')}</dd>
        </dl>
      ) : (
        <p>{t('anonymousMeans', { may: t(`role_${who.role}`) })}</p>
      )}
      <p class="note">{t('accountsAreMadeBy')}</p>
    </Section>
  );
}

function Tabs({ view }: { view: string }) {
  const shown = accessViews.filter((one) => may(one.role) && (seesAllJobs() || one.role === 'owner'));
  return (
    <nav class="tabs" aria-label={t('access')}>
      {shown.map((one) => (
        <a key={one.view} href={href('access', { view: one.view })} aria-current={one.view === view ? 'page' : undefined}>
          {t(one.word)} {counts.value[one.view] !== undefined && <span class="n">{t('number', { n: counts.value[one.view]! })}</span>}
        </a>
      ))}
    </nav>
  );
}

/** One of the views, or all of them in brief. */
function View({ view }: { view: string }) {
  const isOwner = may('owner');
  switch (view) {
    case 'channels':
      return <Channels />;
    case 'accounts':
      return <Accounts />;
    case 'tokens':
      return <Tokens />;
    case 'calendars':
      return <Calendars isAlone />;
    case 'locks':
      return <Locks />;
    case 'log':
      return <AccessLog isBrief={false} />;
    case 'audit':
      return <Audit />;
    default:
      return (
        <>
          {isOwner && <Channels />}
          {isOwner && (
            <div class="pair even">
              <Accounts />
              <Tokens />
            </div>
          )}
          <div class="pair even">
            {isOwner ? <AccessLog isBrief /> : <You />}
            {seesAllJobs() && (
              <div>
                <Calendars isAlone={false} />
                <Locks />
                <Audit />
              </div>
            )}
          </div>
        </>
      );
  }
}

export function AccessScreen() {
  const who = caller.value;
  const view = route.value.query.get('view') ?? '';
  return (
    <>
      <Head title={t('access')} beside={who && (who.tokens ? t('signedInAs', { name: who.name, role: who.role }) : t('anonymous', { role: who.role }))}>
        {who?.proof === 'session' && (
          <button type="button" onClick={askPassword}>
            {t('changePassword…')}
          </button>
        )}
      </Head>
      <Tabs view={view} />
      <View key={view} view={view} />
    </>
  );
}
