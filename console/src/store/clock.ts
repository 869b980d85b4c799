import { signal } from '@preact/signals';

/** How far the node's clock is ahead of the browser's, as its answers say; less than two seconds count
    as none, because they say it in whole seconds. */
let offset = 0;

export function noteServerTime(date: string | null): void {
  const said = date === null ? NaN : Date.parse(date);
  if (Number.isNaN(said)) return;
  const difference = said + 500 - Date.now();
  offset = Math.abs(difference) > 2000 ? difference : 0;
}

/** Unix milliseconds by the node's clock, once a second while somebody can see it. */
export const now = signal(Date.now());

export function startClock(): void {
  const tick = () => {
    if (!document.hidden) now.value = Date.now() + offset;
  };
  setInterval(tick, 1000);
  document.addEventListener('visibilitychange', tick);
}
