import assert from 'node:assert/strict';
import { test } from 'node:test';

import { heat, inWholeCells, line, outline, spread, width } from '../../../console/src/rules/cells';

const step = 600_000;
const cell = (at: number, success: number) => ({
  at, success, failed: 0, timeout: 0, killed: 0, lost: 0, fenced: 0, skipped: 0, missed: 0, late_p50: null, late_p99: null,
});

test('a time that begins and ends within cells has all of them, the newest included', () => {
  const day = inWholeCells({ from: 10 * step + 78_000, to: 154 * step + 78_000, step, cells: [cell(10 * step, 1), cell(154 * step, 2)] });
  assert.equal(width(day), 145);
  const all = spread(day);
  assert.equal(all[0]?.success, 1);
  assert.equal(all[144]?.success, 2);
  assert.equal(all.filter(Boolean).length, 2);
});

test('charts are as high as their highest value, and interrupted where nothing is known', () => {
  assert.equal(outline([0, 2, 1], 10), 'M0 10V10h1V0h1V5h1V10');
  assert.equal(line([4, null, 4, 2], 24, 4), 'M0.5 2M2.5 2L3.5 12');
});

test('heat has four steps', () => {
  assert.deepEqual([0, 1, 4, 5, 14, 15, 39, 40].map(heat), [0, 1, 1, 2, 2, 3, 3, 4]);
});
