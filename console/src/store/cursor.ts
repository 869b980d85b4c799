import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { useKeys } from './keys';

interface Actions {
  open: (key: string) => void;
  [key: string]: ((key: string) => void) | undefined;
}

/** The row that j and k move to, and what keys do with it. @returns its key, if there is a row */
export function useCursor(rows: readonly string[], { open, ...actions }: Actions): string | undefined {
  const chosen = useSignal<string | undefined>(undefined);
  const place = Math.max(0, chosen.value === undefined ? 0 : rows.indexOf(chosen.value));
  const here = rows[place];
  const move = (by: number) => {
    chosen.value = rows[Math.min(rows.length - 1, Math.max(0, place + by))];
  };
  const withRow = (act: (key: string) => void) => () => here !== undefined && act(here);
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    Enter: withRow(open),
    ...Object.fromEntries(Object.entries(actions).map(([key, act]) => [key, act && withRow(act)])),
  });
  useEffect(() => {
    if (chosen.value !== undefined) document.querySelector('tr.cursor')?.scrollIntoView({ block: 'nearest' });
  }, [chosen.value]);
  return here;
}
