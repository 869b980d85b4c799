import { clock, dayBefore, dayName, hourAndMinute } from '../rules/times';
import { now } from '../store/clock';
import { calendar } from '../store/language';

/** A time of a column, with its day in grey before it where it is not today. */
export function Time({ at, zone }: { at: number; zone: string }) {
  const day = dayBefore(at, now.value, zone, calendar());
  return (
    <>
      {day !== '' && <span class="faint">{day}</span>} {clock(at, zone)}
    </>
  );
}

/** The same to the minute, as text: "02:32", "Thu 02:05". */
export function shortTime(at: number, zone: string): string {
  const day = dayBefore(at, now.value, zone, calendar());
  return `${day} ${hourAndMinute(at, zone)}`.trim();
}

/** With the whole date in grey: "Fri 27 Nov 02:30:00", "Today 02:30:00". */
export function DatedTime({ at, zone }: { at: number; zone: string }) {
  return (
    <>
      <span class="faint">{dayName(at, now.value, zone, calendar())}</span> {clock(at, zone)}
    </>
  );
}
