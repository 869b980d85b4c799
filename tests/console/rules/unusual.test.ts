import assert from 'node:assert/strict';
import { test } from 'node:test';

import { findUnusual } from '../../../console/src/rules/unusual';

const minute = 60_000;
const mebibyte = 1_048_576;
const usual = { runs: 100, usual_time: 14 * minute, usual_p95: 17 * minute, late_p99: 4, usual_output: 200_000, usual_memory: 600 * mebibyte };
const run = {
  state: 'success',
  scheduled_at: 0,
  started_at: 3,
  ended_at: 14 * minute,
  retry_at: null,
  requested_by: '',
  use_time: 14 * minute,
  max_rss: 612 * mebibyte,
  output_bytes: 180_000,
};
const whats = (more: object, of: object = {}) => findUnusual({ ...run, ...more }, { ...usual, ...of }).map(({ what }) => what);

test('a run as usual has nothing to tell', () => {
  assert.deepEqual(whats({}), []);
});

test('what took much longer or shorter than usual is told, with what is usual', () => {
  assert.deepEqual(findUnusual({ ...run, use_time: 3 * minute }, usual), [
    { what: 'took', is: 3 * minute, usually: 14 * minute, most: 17 * minute },
  ]);
  assert.deepEqual(whats({ use_time: 30 * minute }), ['took']);
  assert.deepEqual(whats({ use_time: 20 * minute }), [], 'some are that long');
  assert.deepEqual(whats({ use_time: minute, ended_at: null }), [], 'it goes on');
});

test('milliseconds more or less are not unusual', () => {
  assert.deepEqual(whats({ use_time: 40 }, { usual_time: 4, usual_p95: 9 }), []);
  assert.deepEqual(whats({ started_at: 60 }), []);
});

test('a late start, memory and output are told', () => {
  assert.deepEqual(whats({ started_at: 212 }), ['late']);
  assert.deepEqual(whats({ started_at: 212, requested_by: 'ops' }), [], 'what was asked for has no time to be late for');
  assert.deepEqual(whats({ max_rss: 2000 * mebibyte }), ['memory']);
  assert.deepEqual(whats({ output_bytes: 10 }), ['output']);
  assert.deepEqual(whats({ output_bytes: 2_000_000 }), ['output']);
});

test('after a few runs nobody knows what is usual', () => {
  assert.deepEqual(whats({ use_time: 1 }, { runs: 4 }), []);
});
