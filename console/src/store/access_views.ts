import { signal } from '@preact/signals';

import type { Role } from './session';

/** What the screen of access has, in the order of its tabs; each also alone at an address of its own. */
export const accessViews = [
  { view: 'channels', word: 'channels', role: 'owner' },
  { view: 'accounts', word: 'accounts', role: 'owner' },
  { view: 'tokens', word: 'tokens', role: 'owner' },
  { view: 'calendars', word: 'calendars', role: 'read' },
  { view: 'locks', word: 'locks', role: 'read' },
  { view: 'log', word: 'accessLog', role: 'owner' },
  { view: 'audit', word: 'audit', role: 'read' },
] as const satisfies readonly { view: string; word: string; role: Role }[];

export type AccessView = (typeof accessViews)[number]['view'];

/** How many there are of each, as far as they were read. */
export const counts = signal<Partial<Record<AccessView, number>>>({});

/** @returns the list, which was counted */
export function counted<T>(view: AccessView, list: T[] | undefined): T[] | undefined {
  if (list) counts.value = { ...counts.value, [view]: list.length };
  return list;
}
