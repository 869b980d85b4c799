import { computed, signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { isZone } from '../rules/times';
import { kept } from './kept';

export const zoneModes = ['job', 'browser', 'utc'] as const;

/** In which zone times are shown: the job's own (lists: the nodes'), the browser's, or UTC. */
export const zoneMode = kept('zone', zoneModes, 'job');

/** Of jobs that name none. */
export const nodeZone = signal('UTC');

const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The zone of all times of a list. */
export const listZone = computed(() => zoneOf());

/** Of the page of a job; empty on lists. */
export const pageZone = signal('');

/** The zone of all times of a page that is about one job, which the rail then says. */
export function usePageZone(jobZone: string | undefined): string {
  const zone = zoneOf(jobZone);
  useEffect(() => {
    pageZone.value = zone;
    return () => (pageZone.value = '');
  }, [zone]);
  return zone;
}

/** The zone of the times of a job's own pages. */
export function zoneOf(jobZone?: string): string {
  if (zoneMode.value === 'utc') return 'UTC';
  if (zoneMode.value === 'browser') return browserZone;
  return jobZone && isZone(jobZone) ? jobZone : nodeZone.value;
}

export function switchZone(): void {
  const next = (zoneModes.indexOf(zoneMode.value) + 1) % zoneModes.length;
  zoneMode.value = zoneModes[next]!;
}
