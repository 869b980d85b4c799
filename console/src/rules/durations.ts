/** How durations are written: "4 ms", "9.4 s", "3 m 05 s", "1 h 28 m", "2 d 3 h". */
export interface Units {
  ms: string;
  s: string;
  m: string;
  h: string;
  d: string;
}

export const englishUnits: Units = { ms: 'ms', s: 's', m: 'm', h: 'h', d: 'd' };

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A larger and a smaller unit; nothing for a smaller one of zero. */
function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  if (small === 0) return `${large} ${largeUnit}`;
  return `${large} ${largeUnit} ${String(small).padStart(2, '0')} ${smallUnit}`;
}

/** As exact as a reader can use: never "0.0 s", and at most two units. Of less than nothing, nothing. */
export function duration(millis: number, units: Units = englishUnits): string {
  const ms = Math.max(0, Math.round(millis));
  if (ms < second) return `${ms} ${units.ms}`;
  if (ms < 9950) return `${(ms / second).toFixed(1).replace(/\.0$/, '')} ${units.s}`;
  const seconds = Math.round(ms / second);
  if (seconds < 60) return `${seconds} ${units.s}`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), units.m, seconds % 60, units.s);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), units.h, minutes % 60, units.m).replace(' 0', ' ');
  const hours = Math.floor(minutes / 60);
  return pair(Math.floor(hours / 24), units.d, hours % 24, units.h).replace(' 0', ' ');
}

/** What something usually takes: from ten minutes on without seconds, which mean nothing there. */
export function usual(millis: number, units: Units = englishUnits): string {
  if (millis < 10 * minute) return duration(millis, units);
  return duration(Math.round(millis / minute) * minute, units);
}

/** Of something that goes on and is read again each second: whole seconds. */
export function elapsed(millis: number, units: Units = englishUnits): string {
  return duration(Math.max(0, Math.floor(millis / second)) * second, units).replace(
    new RegExp(`^0 ${units.ms}$`),
    `0 ${units.s}`,
  );
}

/** One unit, for "in 22 m" and "5 m ago". */
export function coarse(millis: number, units: Units = englishUnits): string {
  const ms = Math.abs(millis);
  if (ms < minute) return `${Math.floor(ms / second)} ${units.s}`;
  if (ms < hour) return `${Math.floor(ms / minute)} ${units.m}`;
  if (ms < 23.5 * hour) return `${Math.floor(ms / hour)} ${units.h}`;
  return `${Math.round(ms / day)} ${units.d}`;
}
