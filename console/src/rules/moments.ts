/** A moment as people write one. Without a date it is the nearest that the words can mean. */

import { parseMoment, writtenMoment } from './times';

const units: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const day = units['d']!;

/** The date there, "2026-11-28", some days away. */
function dateThere(now: number, days: number, zone: string): string {
  const today = writtenMoment(now, zone).slice(0, 10);
  const [year, month, date] = today.split('-').map(Number);
  return new Date(Date.UTC(year!, month! - 1, date! + days)).toISOString().slice(0, 10);
}

/** Reads "23:00", "tomorrow 06:00", "yesterday", "2h", "90d" and "2026-11-28 02:30".
    @param direction 1: times of the clock and durations are to come; -1: they have passed */
export function readMoment(text: string, now: number, zone: string, direction: 1 | -1 = 1): number | undefined {
  const given = text.trim().toLowerCase();
  const span = /^(\d{1,6})\s*([smhdw])$/.exec(given);
  if (span) return now + direction * Number(span[1]) * units[span[2]!]!;
  const named = /^(today|tomorrow|yesterday)(?:\s+(\d\d?:\d\d(?::\d\d)?))?$/.exec(given);
  if (named) {
    const days = { yesterday: -1, today: 0, tomorrow: 1 }[named[1] as 'today'];
    return parseMoment(`${dateThere(now, days, zone)} ${named[2] ?? '00:00'}`, zone);
  }
  if (!/^\d\d?:\d\d(:\d\d)?$/.test(given)) return parseMoment(given, zone);
  const candidates = [0, direction].map((days) => parseMoment(`${dateThere(now, days, zone)} ${given}`, zone));
  return candidates.find((at) => at !== undefined && (at - now) * direction > 0 && Math.abs(at - now) <= 2 * day);
}
