import assert from 'node:assert/strict';
import { test } from 'node:test';

import { readRequest } from '../../../console/src/rules/request';

const nothing = { by: '', parent: '', inputs: [], isRetry: false, isRehearsal: false, isAlone: false };

test('who asked for a run is read, with all that goes with it', () => {
  assert.deepEqual(readRequest(''), nothing);
  assert.deepEqual(readRequest('alice from 10.0.0.7'), { ...nothing, by: 'alice from 10.0.0.7' });
  assert.deepEqual(readRequest('alice (retry) (rehearsal) (without its chain) {"DAY":"2026-11-21","TARGET":"a b"}'), {
    by: 'alice',
    parent: '',
    inputs: [{ name: 'DAY', value: '2026-11-21' }, { name: 'TARGET', value: 'a b' }],
    isRetry: true,
    isRehearsal: true,
    isAlone: true,
  });
  assert.equal(readRequest('backfill 3 by alice').by, 'backfill 3 by alice');
});

test('what a run came after is read, of any attempt and however that ended', () => {
  for (const parent of [
    'after extract (job 12: success, exit code 0)',
    'after extract (job 12: lost)',
    'after extract (job 12 attempt 2: failed, exit code 3)',
    'after a (b) (job 12: killed, exit code -1)',
  ]) {
    assert.deepEqual(readRequest(parent), { ...nothing, parent });
    assert.deepEqual(readRequest(`alice, ${parent}`), { ...nothing, by: 'alice', parent });
    assert.deepEqual(readRequest(`alice (retry), ${parent} {"A":"1"}`), { ...nothing, by: 'alice', isRetry: true, parent, inputs: [{ name: 'A', value: '1' }] });
  }
});

test('what only looks like it belongs to the name', () => {
  for (const by of ['after hours', 'ops, after work (job 12)', 'brace {', 'a {"n":1}', 'a {"n"}', 'a {b} {"n":2}']) {
    assert.equal(readRequest(by).by, by);
  }
  const { by, inputs } = readRequest('a {b} {"N":"{\\" {}"}');
  assert.deepEqual([by, inputs], ['a {b}', [{ name: 'N', value: '{" {}' }]]);
});
