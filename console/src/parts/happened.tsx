import type { ComponentChildren } from 'preact';

import type { BriefRun } from '../api/types';
import { readRequest } from '../rules/request';
import { lookOf, signalName } from '../rules/states';
import { duration, t, tx } from '../store/language';
import { runHref } from '../store/route';

/** How a run ended, in a few words: "exit code 2", "HTTP 503", "SIGSEGV". */
export function howItEnded(run: BriefRun): string {
  if (run.term_signal !== null) return signalName(run.term_signal);
  if (run.http_status !== null) return `HTTP ${run.http_status}`;
  if (run.exit_code !== null) return t('exitCode', { code: String(run.exit_code) });
  return run.reason;
}

/** What became of a run, as a sentence without its end. */
export function happened(run: BriefRun): ComponentChildren {
  const took = duration(run.use_time);
  const where = run.run_server === '' ? t('noNode') : run.run_server;
  const link = (text: string) => <a href={runHref(run.id)}>{text}</a>;
  const look = lookOf(run.state, run.cause);
  switch (look.word) {
    case 'failed':
      return tx('failedAfter', { took, how: link(t('howAt', { how: howItEnded(run), node: where })) });
    case 'timeout':
      return tx('timedOutAfter', { took: link(t('tookAt', { took, node: where })) });
    case 'lost':
      return tx('lostAt', { node: link(where) });
    case 'fenced':
      return tx('fencedAt', { node: link(where) });
    default:
      return link(run.reason || t(look.word));
  }
}

/** Why it ran although no schedule says so: "by hand: ops", "after extract (job 12: success)"; its inputs are not said. */
export function askedText(requestedBy: string): string {
  const { by, parent, isRetry, isRehearsal } = readRequest(requestedBy);
  if (by === '') return parent;
  const who = parent === '' ? by : `${by}, ${parent}`;
  return [isRehearsal && t('rehearsal'), t(isRetry ? 'retryByHand' : 'byHand', { who })].filter(Boolean).join('; ');
}

/** "part 3 of 8" of a fire that is several runs. */
export function partText(run: { part?: number; parts?: number }): string {
  return (run.parts ?? 1) > 1 ? t('partOf', { n: run.part ?? 0, of: run.parts! }) : '';
}

/** "attempt 2" where it is not the first one, and before that which part it is. */
export function attemptText(run: { attempt: number; part?: number; parts?: number }): string {
  const attempt = run.attempt > 1 ? t('attempt_', { n: run.attempt }) : '';
  return [partText(run), attempt].filter((text) => text !== '').join(', ');
}
