import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

import { foundOf, isNews, type FindingCounts } from '../rules/findings';
import { clock } from '../rules/times';
import { audited, auditPastDay } from '../store/audited';
import { now } from '../store/clock';
import { clusterHealth, clusterNodes, isAlone, lastAnswer } from '../store/health';
import { elapsed, inTime, t } from '../store/language';
import { href, route } from '../store/route';
import { caller, seesAllJobs } from '../store/session';
import { listZone } from '../store/zone';

function Banner(props: { warns?: boolean; title: string; children?: ComponentChildren; to?: string; more?: string }) {
  const mark = props.warns ? 'retry' : 'failed';
  return (
    <div class={props.warns ? 'banner warn' : 'banner'} role={props.warns ? 'status' : 'alert'}>
      <p>
        <svg class={`mark ${props.warns ? 'wait' : 'bad'}`} aria-hidden="true">
          <use href={`#m-${mark}`} />
        </svg>{' '}
        <strong class="strong">{props.title}</strong> {props.children}
      </p>
      {props.to && (
        <a class="end" href={props.to}>
          {props.more ?? t('whatToCheck')}
        </a>
      )}
    </div>
  );
}

const soon = 14 * 86_400_000;

/** A browser that has come here took the certificate; later ones may not. */
function ExpiringCertificate({ at, node }: { at: number; node: string }) {
  const left = at - now.value;
  if (left > soon) return null;
  return (
    <Banner warns={left > 0} title={left > 0 ? t('certificateExpires', { node, when: inTime(left) }) : t('certificateExpired', { node })}>
      {t('certificateMeans')}
    </Banner>
  );
}

/** What an audit has found, each with how often: "2 missing, 1 late". */
export function findingsText(counts: FindingCounts): string {
  return foundOf(counts)
    .map(({ kind, n }) => t(`found_${kind}`, { n }))
    .join(t('listed'));
}

/** What the past day has that no list of runs shows. */
function AuditFound() {
  const mayAsk = caller.value !== undefined && seesAllJobs();
  const hour = Math.floor(now.value / 3_600_000);
  useEffect(() => {
    if (mayAsk) void auditPastDay();
  }, [mayAsk, hour]);
  const totals = audited.value?.totals;
  if (!totals || !isNews(foundOf(totals))) return null;
  return (
    <Banner warns title={t('auditFoundPastDay')} to={href('access', { view: 'audit' })} more={t('findings')}>
      {findingsText(totals)}
    </Banner>
  );
}

/** What is wrong with peercron itself, and what works all the same; and that people hold it up. */
export function Banners() {
  const health = clusterHealth.value;
  const nodes = clusterNodes.value;
  if (isAlone.value) {
    return (
      <Banner title={t('nodeAway')}>
        {lastAnswer.value > 0 && t('shownIsOf', { time: clock(lastAnswer.value, listZone.value) })}
      </Banner>
    );
  }
  if (!health) return null;
  const toNodes = href('nodes');
  const away = nodes?.store_away_since ?? null;
  return (
    <>
      {health.store === 'away' && (
        <Banner title={away === null ? t('storeAway') : t('storeAwayFor', { time: elapsed(now.value - away) })} to={toNodes}>
          {t('storeAwayMeans')} {nodes && nodes.store_trouble !== '' && <code>{nodes.store_trouble}</code>}
        </Banner>
      )}
      {health.dispatcher === '' && (
        <Banner title={t('noDispatcher')} to={toNodes}>
          {t('noDispatcherMeans')}
        </Banner>
      )}
      {(health.journal === 'failing' || health.journal === 'unavailable') && (
        <Banner title={t(health.journal === 'failing' ? 'journalFailing' : 'journalUnavailable', { node: health.node })} to={toNodes}>
          {t('journalMeans')}
        </Banner>
      )}
      {health.paused && (
        <Banner warns title={t('allPaused')} to={href('pauses')} more={t('pauses')}>
          {health.paused}
        </Banner>
      )}
      {health.certificate_expires_at && <ExpiringCertificate at={health.certificate_expires_at} node={health.node} />}
      {route.value.screen === '' && <AuditFound />}
      {health.clock !== 'ok' && (
        <Banner warns title={t('clockOff', { node: health.node })} to={toNodes}>
          {health.clock}
        </Banner>
      )}
    </>
  );
}
