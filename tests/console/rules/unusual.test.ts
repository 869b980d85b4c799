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

test('what a node says of a run is told with what is usual', () => {
  assert.deepEqual(findUnusual({ ...run, use_time: 3 * minute, unusual: ['fast'] }, usual), [
    { what: 'took', is: 3 * minute, usually: 14 * minute, most: 17 * minute },
  ]);
  assert.deepEqual(whats({ unusual: ['slow', 'more-output', 'more-memory'] }), ['took', 'memory', 'output']);
  assert.deepEqual(whats({ unusual: ['silent'], output_bytes: 0 }), ['output']);
  assert.deepEqual(whats({ unusual: ['a-word-of-tomorrow'] }), []);
  assert.deepEqual(whats({ unusual: ['more-output'] }, { usual_output: null }), [], 'nothing to compare it with');
});

test('a late start is told, but not of what somebody asked for', () => {
  assert.deepEqual(whats({ started_at: 212 }), ['late']);
  assert.deepEqual(whats({ started_at: 60 }), [], 'milliseconds more or less');
  assert.deepEqual(whats({ started_at: 212, requested_by: 'ops' }), [], 'what was asked for has no time to be late for');
  assert.deepEqual(whats({ started_at: 212 }, { runs: 4 }), [], 'after a few runs nobody knows what is usual');
});
