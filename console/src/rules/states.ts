/** What a state looks like: its shape, the tone of its colour, and its word. */

import { readRequest } from './request';

export type Tone = '' | 'ok' | 'bad' | 'miss' | 'wait' | 'run';

export interface Look {
  mark: string; // of a symbol in index.html
  tone: Tone;
  word: StateWord;
  detail?: string; // the cause, a stable word of the API
}

export type StateWord =
  | 'success'
  | 'failed'
  | 'timeout'
  | 'missed'
  | 'lost'
  | 'running'
  | 'retry'
  | 'skipped'
  | 'killed'
  | 'fenced'
  | 'planned'
  | 'revoked'
  | 'stopped'
  | 'paused'
  | 'done'
  | 'new'
  | 'enabled';

/** Why a due fire did not run that nobody asked for: model/missed.hpp. */
const missedCauses = new Set(['misfire', 'no-node', 'overload', 'owner-unreachable', 'node-isolated']);

const looks: Record<string, Look> = {
  success: { mark: 'success', tone: 'ok', word: 'success' },
  failed: { mark: 'failed', tone: 'bad', word: 'failed' },
  timeout: { mark: 'timeout', tone: 'bad', word: 'timeout' },
  lost: { mark: 'lost', tone: 'miss', word: 'lost' },
  missed: { mark: 'missed', tone: 'miss', word: 'missed' },
  running: { mark: 'running', tone: 'run', word: 'running' },
  killed: { mark: 'killed', tone: '', word: 'killed' },
  fenced: { mark: 'fenced', tone: '', word: 'fenced' },
  skipped: { mark: 'skipped', tone: '', word: 'skipped' },
  revoked: { mark: 'skipped', tone: '', word: 'revoked' },
  planned: { mark: 'planned', tone: '', word: 'planned' },
};

/** When a further attempt starts that waits for that; null: it is none. The first one of a fire has such a time with jitter. */
export function retryOf(run: { attempt: number; retry_at: number | null }): number | null {
  return run.attempt > 1 ? run.retry_at : null;
}

/** Of a row of the ledger, or of a tick of a strip. */
export function lookOf(state: string, cause = '', retryAt: number | null = null): Look {
  if (state === 'planned' && retryAt !== null) return { mark: 'retry', tone: 'wait', word: 'retry' };
  if (state === 'skipped' && missedCauses.has(cause)) return { ...looks.missed!, detail: cause };
  const look = looks[state] ?? { mark: 'planned', tone: '', word: 'planned' };
  return (state === 'skipped' || state === 'planned') && cause !== '' ? { ...look, detail: cause } : look;
}

/** What lookOfJob() judges by; what an older node does not say is undefined. */
export interface JobState {
  state: string; // enabled, stopped, done
  last_state?: string | null;
  last_cause?: string;
  running?: number;
  paused?: object | null; // the pause that it is in
}

export function lookOfJob(job: JobState): Look {
  if (job.state === 'stopped') return { mark: 'stopped', tone: '', word: 'stopped' };
  if (job.running) return looks.running!;
  if (job.paused) return { mark: 'stopped', tone: '', word: 'paused' };
  if (job.last_state) return lookOf(job.last_state, job.last_cause);
  if (job.state === 'done') return { mark: 'success', tone: '', word: 'done' };
  if (job.last_state === null) return { mark: 'planned', tone: '', word: 'new' };
  return { mark: 'planned', tone: '', word: 'enabled' };
}

/** Whether it needs somebody: shown bold, and first. */
export function isAlarm(look: Look): boolean {
  return look.tone === 'bad' || look.tone === 'miss';
}

/** The word for programs that a reason begins with; "" where it has none. */
export function causeOf(reason: string): string {
  return /^([a-z][a-z-]*): /.exec(reason)?.[1] ?? '';
}

/** A reason without the word for programs that it begins with: "mutex: run 4711 still ran". */
export function withoutCause(reason: string): string {
  return reason.replace(/^[a-z][a-z-]*: /, '');
}

/** Whether a person has asked for a run, or for the one that it is a retry of: no schedule has it. */
export function isByHand(requestedBy: string): boolean {
  return requestedBy !== '' && readRequest(requestedBy).by !== '';
}

/** By how many milliseconds a run began after its moment, or after its parents were over; null: it has not begun, or was asked for. */
export function lateness(run: {
  started_at: number | null;
  scheduled_at: number | null;
  retry_at: number | null;
  requested_by: string;
}): number | null {
  const due = run.retry_at ?? run.scheduled_at;
  if (run.started_at === null || due === null || isByHand(run.requested_by)) return null;
  return Math.max(0, run.started_at - due);
}

/** Whether a row of the ledger is final. */
export function isFinal(state: string): boolean {
  return state !== 'planned' && state !== 'running';
}

/** Of which signal a command died. */
export function signalName(number: number): string {
  const names: Record<number, string> = {
    1: 'SIGHUP', 2: 'SIGINT', 3: 'SIGQUIT', 4: 'SIGILL', 6: 'SIGABRT', 7: 'SIGBUS', 8: 'SIGFPE', 9: 'SIGKILL',
    10: 'SIGUSR1', 11: 'SIGSEGV', 12: 'SIGUSR2', 13: 'SIGPIPE', 14: 'SIGALRM', 15: 'SIGTERM',
  };
  return names[number] ?? `signal ${number}`;
}
