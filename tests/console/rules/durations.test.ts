import assert from 'node:assert/strict';
import { test } from 'node:test';

import { coarse, duration, elapsed, usual } from '../../../console/src/rules/durations';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test('a duration has at most two units, and never says 0.0 s', () => {
  const cases: [number, string][] = [
    [0, '0 ms'], [4, '4 ms'], [999, '999 ms'], [1000, '1 s'], [2200, '2.2 s'], [9940, '9.9 s'], [9960, '10 s'],
    [57_600, '58 s'], [59_700, '1 m'], [3 * minute + 5 * second, '3 m 05 s'], [14 * minute, '14 m'],
    [hour + 28 * minute, '1 h 28 m'], [11 * hour + 5 * minute, '11 h 5 m'], [day + 11 * hour, '1 d 11 h'], [-5, '0 ms'],
  ];
  for (const [millis, text] of cases) assert.equal(duration(millis), text);
});

test('a usual duration has no seconds that mean nothing', () => {
  assert.equal(usual(14 * minute + 20 * second), '14 m');
  assert.equal(usual(3 * minute + 5 * second), '3 m 05 s');
});

test('what goes on is told in whole seconds', () => {
  assert.equal(elapsed(400), '0 s');
  assert.equal(elapsed(7 * minute + 40_900), '7 m 40 s');
});

test('a distance has one unit', () => {
  const cases: [number, string][] = [
    [40_900, '40 s'], [22 * minute + 59 * second, '22 m'], [62 * minute, '1 h'], [23.4 * hour, '23 h'],
    [23.6 * hour, '1 d'], [-5 * minute, '5 m'],
  ];
  for (const [millis, text] of cases) assert.equal(coarse(millis), text);
});
