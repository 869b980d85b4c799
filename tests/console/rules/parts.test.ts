import assert from 'node:assert/strict';
import { test } from 'node:test';

import { newestOfParts, worstPart } from '../../../console/src/rules/parts';

const run = (part: number, state: string, attempt = 1) => ({ part, state, attempt });

test('of each part its newest attempt counts, whatever the order', () => {
  const runs = [run(1, 'success'), run(0, 'success', 2), run(0, 'failed')];
  assert.deepEqual(newestOfParts(runs), [run(0, 'success', 2), run(1, 'success')]);
});

test('the part that went worst tells how the fire goes, not the one with the most attempts', () => {
  const runs = [run(0, 'failed'), run(0, 'success', 2), run(1, 'success'), run(2, 'failed')];
  assert.deepEqual(worstPart(runs), run(2, 'failed'));
  assert.deepEqual(worstPart([run(0, 'success'), run(1, 'running'), run(2, 'revoked')]), run(1, 'running'));
  assert.deepEqual(worstPart([run(0, 'failed'), run(0, 'planned', 2)]), run(0, 'planned', 2));
});

test('a fire that is one run is told by its newest attempt', () => {
  const first = { state: 'failed', attempt: 1 };
  const second = { state: 'success', attempt: 2 };
  assert.equal(worstPart([first, second]), second);
  assert.equal(worstPart([]), undefined);
});
