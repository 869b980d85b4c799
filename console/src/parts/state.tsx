import type { ComponentChildren } from 'preact';

import type { Job } from '../api/types';
import { lookOf, lookOfJob, retryOf, type Look } from '../rules/states';
import { now } from '../store/clock';
import { inTime, t } from '../store/language';

export function Mark({ look, label }: { look: Look; label?: string }) {
  const className = look.tone === '' ? 'mark' : `mark ${look.tone}`;
  const described = label === undefined ? { 'aria-hidden': true } : { role: 'img' as const, 'aria-label': label };
  return (
    <svg class={className} {...described}>
      <use href={`#m-${look.mark}`} />
    </svg>
  );
}

/** Shape, word and colour; the word may be another one. */
export function State({ look, children }: { look: Look; children?: ComponentChildren }) {
  const word = t(look.word) + (look.detail === undefined ? '' : `: ${look.detail}`);
  return (
    <span class={look.tone === '' ? 'state' : `state ${look.tone}`}>
      <svg class="mark" aria-hidden="true">
        <use href={`#m-${look.mark}`} />
      </svg>
      <span>{children ?? word}</span>
    </span>
  );
}

interface StateOfRun {
  state: string;
  cause: string;
  attempt: number;
  retry_at: number | null;
}

/** Of a row of the ledger: a further attempt says when it starts. */
export function RunState({ run }: { run: StateOfRun }) {
  const look = lookOf(run.state, run.cause, retryOf(run));
  if (look.word !== 'retry') return <State look={look} />;
  return <State look={look}>{t('retryIn', { when: inTime(run.retry_at! - now.value) })}</State>;
}

export function JobState({ job }: { job: Job }) {
  return <State look={lookOfJob(job)} />;
}
