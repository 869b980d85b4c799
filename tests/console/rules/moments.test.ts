import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readMoment } from '../../../console/src/rules/moments';

const berlin = 'Europe/Berlin';
const now = Date.parse('2026-11-28T01:37:40Z'); // 02:37:40 in Berlin

const read = (text: string, direction: 1 | -1 = 1) => {
  const at = readMoment(text, now, berlin, direction);
  return at === undefined ? undefined : new Date(at).toISOString().slice(0, 19);
};

test('a time of the clock is the next one, or the last one', () => {
  assert.equal(read('23:00'), '2026-11-28T22:00:00');
  assert.equal(read('02:30'), '2026-11-29T01:30:00', 'it has passed today');
  assert.equal(read('02:30', -1), '2026-11-28T01:30:00');
  assert.equal(read('23:00:05', -1), '2026-11-27T22:00:05');
});

test('days are named as people do', () => {
  assert.equal(read('tomorrow 06:00'), '2026-11-29T05:00:00');
  assert.equal(read('Tomorrow'), '2026-11-28T23:00:00');
  assert.equal(read('yesterday 00:00', -1), '2026-11-26T23:00:00');
});

test('a duration counts from now', () => {
  assert.equal(read('2h'), '2026-11-28T03:37:40');
  assert.equal(read('90 d'), '2027-02-26T01:37:40');
  assert.equal(read('30m', -1), '2026-11-28T01:07:40');
});

test('a date and a time are what they say', () => {
  assert.equal(read('2026-12-01 06:00'), '2026-12-01T05:00:00');
  assert.equal(read('2026-07-01'), '2026-06-30T22:00:00');
});

test('what is no moment is none', () => {
  for (const text of ['', 'soon', '25:00', '2026-13-01', '12:60', '3 fortnights']) assert.equal(read(text), undefined, text);
});
