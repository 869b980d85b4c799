import { signal } from '@preact/signals';

import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { learnJobNames } from '../api/names';
import type { AuditTotals, Finding } from '../api/types';
import { now } from './clock';

/** How many of them are shown. */
export const mostFindings = 50;

export interface Audited {
  totals: AuditTotals;
  findings: Finding[];
  at: number;
}

/** The last audit that this tab has seen, of the past day. */
export const audited = signal<Audited | undefined>(undefined);

/** The fires of some time before `at`, with the names of the jobs that are shown. */
export async function readAudit(time: number, at: number): Promise<Audited> {
  const read = await calls.audit(at - time, at);
  await learnJobNames(read.findings.slice(0, mostFindings).flatMap(({ cron_id: id }) => (id > 0 ? [id] : [])));
  return { ...read, at };
}

const day = 86_400_000;
const every = 3_600_000;

let askedAt = 0;

/** Reads the fires of the past day again, which costs the node more than any other call: once an hour at most, and what fails is
    not asked again before that. */
export async function auditPastDay(): Promise<void> {
  const at = now.peek();
  if (at - askedAt < every) return;
  askedAt = at;
  try {
    audited.value = await readAudit(day, at);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}
