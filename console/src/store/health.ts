import { signal } from '@preact/signals';

import * as calls from '../api/calls';
import { ApiError, get } from '../api/client';
import type { Health, Nodes } from '../api/types';
import { nodeZone } from './zone';
import { askAgain, caller, type Caller } from './session';

/** What every screen has to say when something is wrong with peercron itself. */
export const clusterHealth = signal<Health | undefined>(undefined);
export const clusterNodes = signal<Nodes | undefined>(undefined);

/** When the node answered last; 0: never. */
export const lastAnswer = signal(0);
/** Whether the last call found nobody. */
export const isAlone = signal(false);

const every = 5_000;

export async function askWhoCalls(): Promise<void> {
  caller.value = await calls.ifKnown(get<Caller>('access/me'));
}

export async function signOut(): Promise<void> {
  if (caller.value?.proof === 'session') await calls.signOut();
  askAgain();
}

async function readHealth(): Promise<void> {
  try {
    const [health, nodes] = await Promise.all([calls.health(), calls.nodes()]);
    clusterHealth.value = health;
    clusterNodes.value = nodes;
    nodeZone.value = health.time_zone;
    isAlone.value = false;
    lastAnswer.value = Date.now();
    if (caller.value === undefined) await askWhoCalls();
  } catch (error) {
    if (error instanceof ApiError) isAlone.value = error.status === 0 || error.status === 502;
  }
}

export function watchHealth(): void {
  const look = () => {
    if (!document.hidden) void readHealth();
  };
  look();
  setInterval(look, every);
  document.addEventListener('visibilitychange', look);
}
