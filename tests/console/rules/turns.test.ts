import assert from 'node:assert/strict';
import { test } from 'node:test';

import { inTurns } from '../../../console/src/rules/turns';

test('no more than some are done at a time, and the results are in order', async () => {
  let running = 0;
  let most = 0;
  const square = async (n: number) => {
    most = Math.max(most, ++running);
    for (let turn = 0; turn < 10 - n; ++turn) await Promise.resolve();
    --running;
    return n * n;
  };
  assert.deepEqual(await inTurns([1, 2, 3, 4, 5, 6, 7], 3, square), [1, 4, 9, 16, 25, 36, 49]);
  assert.equal(most, 3);
  assert.deepEqual(await inTurns([], 3, square), []);
});

test('after a failure nothing more is begun', async () => {
  const begun: number[] = [];
  const fail = async (n: number) => {
    begun.push(n);
    await Promise.resolve();
    if (n === 2) throw new Error('the second');
  };
  await assert.rejects(inTurns([1, 2, 3, 4, 5, 6, 7, 8], 2, fail), /the second/);
  assert.ok(begun.length < 8);
});
