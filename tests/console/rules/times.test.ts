import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  chineseCalendar, clock, dayBefore, dayName, exactClock, isZone, parseMoment, wholeMoment, writtenMoment,
} from '../../../console/src/rules/times';

const berlin = 'Europe/Berlin';
const now = Date.parse('2026-11-28T01:37:40Z'); // 02:37:40 in Berlin, a Saturday

test('a time is told in its zone', () => {
  assert.equal(clock(now, berlin), '02:37:40');
  assert.equal(clock(now, 'UTC'), '01:37:40');
  assert.equal(exactClock(now + 4, berlin), '02:37:40.004');
  assert.equal(clock(Date.parse('2026-11-27T23:00:00Z'), berlin), '00:00:00');
});

test('a time of another day says which', () => {
  const at = (text: string) => dayBefore(Date.parse(text), now, berlin);
  assert.equal(at('2026-11-28T22:59:00Z'), '');
  assert.equal(at('2026-11-28T23:00:00Z'), 'Sun');
  assert.equal(at('2026-11-27T13:20:00Z'), 'Fri');
  assert.equal(at('2026-12-05T12:00:00Z'), '5 Dec');
  assert.equal(at('2025-11-21T12:00:00Z'), '21 Nov 2025');
});

test('days are named in the language of the reader', () => {
  const friday = Date.parse('2026-11-27T01:30:00Z');
  assert.equal(dayName(friday, now, berlin), 'Fri 27 Nov');
  assert.equal(dayName(now, now, berlin), 'Today');
  assert.equal(dayName(friday, now, berlin, chineseCalendar), '11月27日周五');
  assert.equal(wholeMoment(now, berlin), 'Sat 28 Nov 2026, 02:37:40');
});

test('a moment is read in its zone, and what is written is read back', () => {
  assert.equal(parseMoment('2026-11-28 02:37:40', berlin), now);
  assert.equal(parseMoment(writtenMoment(now, 'Asia/Shanghai'), 'Asia/Shanghai'), now);
  assert.equal(parseMoment('2026-11-28', 'UTC'), Date.parse('2026-11-28T00:00:00Z'));
  for (const bad of ['', 'yesterday', '2026-13-01', '2026-02-30', '2026-11-28 25:00']) {
    assert.equal(parseMoment(bad, berlin), undefined, bad);
  }
});

test('where clocks change, a time that comes twice is its first, and one that does not come is after the jump', () => {
  assert.equal(parseMoment('2026-10-25 02:30', berlin), Date.parse('2026-10-25T00:30:00Z'));
  assert.equal(parseMoment('2026-03-29 02:30', berlin), Date.parse('2026-03-29T01:30:00Z'));
});

test('zones that the browser does not know are told apart', () => {
  assert.ok(isZone('America/New_York'));
  assert.ok(!isZone('Europe/Nowhere'));
});
