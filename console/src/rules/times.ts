/** Moments are Unix milliseconds; a zone is an IANA name. */

/** How days are named in a language. */
export interface Calendar {
  weekdays: readonly string[]; // from Sunday
  date(day: number, month: number): string;
  dateOfYear(day: number, month: number, year: number): string;
  weekdayAndDate(weekday: string, date: string): string;
  today: string;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export const englishCalendar: Calendar = {
  weekdays: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'],
  date: (day, month) => `${day} ${months[month - 1]}`,
  dateOfYear: (day, month, year) => `${day} ${months[month - 1]} ${year}`,
  weekdayAndDate: (weekday, date) => `${weekday} ${date}`,
  today: 'Today',
};

export const chineseCalendar: Calendar = {
  weekdays: ['周日', '周一', '周二', '周三', '周四', '周五', '周六'],
  date: (day, month) => `${month}月${day}日`,
  dateOfYear: (day, month, year) => `${year}年${month}月${day}日`,
  weekdayAndDate: (weekday, date) => `${date}${weekday}`,
  today: '今天',
};

interface Fields {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  second: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Whether the browser knows the zone. */
export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return true;
  } catch {
    return false;
  }
}

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}

function fieldsOf(at: number, zone: string): Fields {
  const fields: Record<string, number> = {};
  for (const part of formatOf(zone).formatToParts(at)) fields[part.type] = Number(part.value);
  return fields as unknown as Fields;
}

const two = (number: number) => String(number).padStart(2, '0');

/** "02:30:00" */
export function clock(at: number, zone: string): string {
  const { hour, minute, second } = fieldsOf(at, zone);
  return `${two(hour)}:${two(minute)}:${two(second)}`;
}

/** "02:30:00.004" */
export function exactClock(at: number, zone: string): string {
  return `${clock(at, zone)}.${String(((at % 1000) + 1000) % 1000).padStart(3, '0')}`;
}

/** "02:30" */
export function hourAndMinute(at: number, zone: string): string {
  return clock(at, zone).slice(0, 5);
}

/** Days since 1970 of the date there. */
function dayNumber({ year, month, day }: Fields): number {
  return Date.UTC(year, month - 1, day) / 86_400_000;
}

function weekdayOf(fields: Fields, calendar: Calendar): string {
  return calendar.weekdays[new Date(dayNumber(fields) * 86_400_000).getUTCDay()]!;
}

/** What has to stand before a time so that its day is beyond doubt: nothing today, a weekday within a
    week, else the date. */
export function dayBefore(at: number, now: number, zone: string, calendar: Calendar = englishCalendar): string {
  const there = fieldsOf(at, zone);
  const here = fieldsOf(now, zone);
  const days = dayNumber(there) - dayNumber(here);
  if (days === 0) return '';
  if (Math.abs(days) < 7) return weekdayOf(there, calendar);
  if (there.year === here.year || (days > 0 && days < 180)) return calendar.date(there.day, there.month);
  return calendar.dateOfYear(there.day, there.month, there.year);
}

/** "Today", "Fri 27 Nov", "27 Nov 2025" */
export function dayName(at: number, now: number, zone: string, calendar: Calendar = englishCalendar): string {
  const there = fieldsOf(at, zone);
  const here = fieldsOf(now, zone);
  if (dayNumber(there) === dayNumber(here)) return calendar.today;
  if (Math.abs(dayNumber(there) - dayNumber(here)) > 300) {
    return calendar.dateOfYear(there.day, there.month, there.year);
  }
  return calendar.weekdayAndDate(weekdayOf(there, calendar), calendar.date(there.day, there.month));
}

/** "Sat 28 Nov 2026, 02:37:40" */
export function wholeMoment(at: number, zone: string, calendar: Calendar = englishCalendar): string {
  const fields = fieldsOf(at, zone);
  const date = calendar.dateOfYear(fields.day, fields.month, fields.year);
  return `${calendar.weekdayAndDate(weekdayOf(fields, calendar), date)}, ${clock(at, zone)}`;
}

/** "2026-11-24 02:30:00", as fields take it. */
export function writtenMoment(at: number, zone: string): string {
  const { year, month, day } = fieldsOf(at, zone);
  return `${year}-${two(month)}-${two(day)} ${clock(at, zone)}`;
}

const written = /^(\d{4})-(\d\d?)-(\d\d?)(?:[ T](\d\d?):(\d\d)(?::(\d\d))?)?$/;

/** The moment of a text such as "2026-11-24 02:30" in that zone; undefined when it is none. Of two
    moments with that text, the first; of a text that the clocks skip, the moment after the jump. */
export function parseMoment(text: string, zone: string): number | undefined {
  const found = written.exec(text.trim());
  if (!found) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1).map((part) => Number(part ?? 0)) as number[];
  const asUtc = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!);
  const date = new Date(asUtc);
  if (date.getUTCMonth() !== month! - 1 || date.getUTCDate() !== day! || hour! > 23 || minute! > 59 || second! > 59) return undefined;
  const offsetAt = (at: number) => {
    const there = fieldsOf(at, zone);
    const { year, month, day, hour, minute, second } = there;
    return Date.UTC(year, month - 1, day, hour, minute, second) - at;
  };
  const before = asUtc - offsetAt(asUtc - 86_400_000);
  const after = asUtc - offsetAt(asUtc + 86_400_000);
  for (const candidate of [Math.min(before, after), Math.max(before, after)]) {
    if (candidate + offsetAt(candidate) === asUtc) return candidate;
  }
  return Math.max(before, after);
}
