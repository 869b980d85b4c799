import { signal } from '@preact/signals';

import { ApiError, openStream } from '../api/client';
import type { Health } from '../api/types';
import { EventParser, type ServerEvent } from '../rules/sse';
import { clusterHealth } from './health';
import { needsToken } from './session';

/** What the node's stream of events is about. */
export type Topic = 'run' | 'job' | 'node' | 'health';

const topics: readonly Topic[] = ['run', 'job', 'node', 'health'];

/** What an event says; nothing: that anything may have changed. */
export interface Change {
  id?: number;
  cron_id?: number;
  reload?: boolean;
}

/** The last change of each topic that has been told; a screen that shows something of it reads it again. */
export const changes = {
  run: signal<Change>({}),
  job: signal<Change>({}),
  node: signal<Change>({}),
  health: signal<Change>({}),
};

/** Says so to this tab, before the node does. */
export function tell(topic: Topic, change: Change = {}): void {
  changes[topic].value = { ...change };
}

/** Whether changes are told; otherwise what is shown is read again every few seconds. */
export const isLive = signal(false);

const first = 1_000;
const longest = 60_000;

function note(event: ServerEvent): void {
  const topic = topics.find((one) => one === event.event);
  if (!topic) return;
  const data = JSON.parse(event.data) as Change;
  if (topic === 'health' && !data.reload) clusterHealth.value = data as Health;
  tell(topic, data.reload ? {} : data);
}

/** Until the node ends it, as it does when it stops. */
async function follow(signal: AbortSignal): Promise<void> {
  const body = await openStream('events', signal);
  isLive.value = true;
  topics.forEach((topic) => tell(topic)); // what happened before is not told
  const parser = new EventParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.push(decoder.decode(value, { stream: true })).forEach(note);
  }
}

const sleep = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));

/** One stream for the whole tab, for as long as it is open. */
export async function followEvents(): Promise<never> {
  for (let wait = first; ; ) {
    while (document.hidden || needsToken.value) await sleep(first);
    const gone = new AbortController();
    const hide = () => document.hidden && gone.abort();
    document.addEventListener('visibilitychange', hide);
    try {
      await follow(gone.signal);
      wait = first;
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status !== 0;
      wait = isRefused ? longest : isLive.value ? first : Math.min(wait * 2, longest);
    }
    document.removeEventListener('visibilitychange', hide);
    isLive.value = false;
    await sleep(wait);
  }
}
