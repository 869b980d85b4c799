import assert from 'node:assert/strict';
import { test } from 'node:test';

import { foundOf, isNews } from '../../../console/src/rules/findings';

test('what an audit has found is said with how often, and what it has not found is left out', () => {
  assert.deepEqual(foundOf({ missing: 2, extra: 0, late: 1 }), [{ kind: 'missing', n: 2 }, { kind: 'late', n: 1 }]);
  assert.deepEqual(foundOf({}), []);
});

test('what was missed alone is no news: each of these fires has a line of its own', () => {
  assert.ok(!isNews(foundOf({ missed: 3 })));
  assert.ok(isNews(foundOf({ missed: 3, clock_ahead: 1 })));
  assert.ok(!isNews([]));
});
