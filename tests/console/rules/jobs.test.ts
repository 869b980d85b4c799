import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keepOrder } from '../../../console/src/rules/changed';
import { changedFields, differences } from '../../../console/src/rules/differences';
import { changedParameters, readFields, toForm, toParameters, withForm } from '../../../console/src/rules/fields';
import { causeOf, isAlarm, isByHand, lateness, lookOf, lookOfJob, retryOf, withoutCause } from '../../../console/src/rules/states';
import { drawStrip } from '../../../console/src/rules/strip';
import { fromToml, toToml } from '../../../console/src/rules/toml';

test('what nobody asked for is an alarm, and what was asked for is quiet', () => {
  for (const [state, cause] of [['failed', ''], ['timeout', ''], ['lost', ''], ['skipped', 'no-node'], ['skipped', 'misfire']]) {
    assert.ok(isAlarm(lookOf(state!, cause!)), `${state} ${cause}`);
  }
  for (const [state, cause] of [['success', ''], ['skipped', 'mutex'], ['killed', 'on-request'], ['revoked', 'job-changed']]) {
    assert.ok(!isAlarm(lookOf(state!, cause!)), `${state} ${cause}`);
  }
  assert.equal(lookOf('skipped', 'misfire').word, 'missed');
  assert.equal(lookOf('planned', '', 1000).word, 'retry');
  assert.equal(lookOf('planned').word, 'planned');
  assert.equal(lookOf('planned', 'requires').detail, 'requires');
});

test('a reason begins with the word for programs', () => {
  assert.equal(causeOf('calendar: in freeze'), 'calendar');
  assert.equal(withoutCause('calendar: in freeze'), 'in freeze');
  assert.equal(causeOf('no-node: none fits'), 'no-node');
  assert.equal(causeOf('Something else'), '');
});

test('what runs after other jobs is not by hand, and late by when these were over', () => {
  const run = { scheduled_at: 0, retry_at: 5_000, started_at: 5_004, requested_by: 'after extract (job 12: success, exit code 0)' };
  assert.ok(!isByHand(run.requested_by));
  assert.ok(!isByHand('after extract (job 12 attempt 2: failed, exit code 3)'), 'the parent was tried again');
  assert.equal(lateness(run), 4);
  assert.ok(isByHand('ops at 10.0.0.3'));
  assert.ok(isByHand('after hours at 10.0.0.3'), 'an account may have any name');
  assert.equal(lateness({ ...run, requested_by: 'ops' }), null);
});

test('a job looks as its last run, unless it runs or is stopped', () => {
  assert.equal(lookOfJob({ state: 'enabled', last_state: 'failed', running: 0 }).word, 'failed');
  assert.equal(lookOfJob({ state: 'enabled', last_state: 'failed', running: 1 }).word, 'running');
  assert.equal(lookOfJob({ state: 'stopped', last_state: 'failed' }).word, 'stopped');
  assert.equal(lookOfJob({ state: 'enabled', last_state: null }).word, 'new');
  assert.equal(lookOfJob({ state: 'enabled' }).word, 'enabled');
});

test('a strip has the newest run at its right end, and failures below the line', () => {
  const strip = drawStrip([
    { state: 'success', use_time: 100, runs: 1 },
    { state: 'failed', use_time: 100, runs: 1 },
  ]);
  assert.match(strip.ok, /^M112 12v-/);
  assert.match(strip.bad, /^M115.5 13h/);
  assert.deepEqual([...strip.counts], [['success', 1], ['failed', 1]]);
  const many = drawStrip(Array.from({ length: 40 }, () => ({ state: 'success', use_time: 5, runs: 1 })));
  assert.equal(many.counts.get('success'), 30);
});

test('each state has a shape and a word of its own: nobody needs the colour', () => {
  const states = ['success', 'failed', 'timeout', 'lost', 'running', 'killed', 'fenced', 'skipped', 'planned'];
  const looks = [...states.map((state) => lookOf(state)), lookOf('skipped', 'misfire'), lookOf('planned', '', 1)];
  assert.equal(new Set(looks.map((look) => look.mark)).size, looks.length);
  assert.equal(new Set(looks.map((look) => look.word)).size, looks.length);
});

test('rows keep their places until one asks, and what changes them is counted', () => {
  const before = new Map([[1, { id: 1, v: 'old' }], [2, { id: 2, v: 'old' }], [3, { id: 3, v: 'old' }]]);
  const same = keepOrder([1, 2, 3], [{ id: 1, v: 'new' }, { id: 2, v: 'new' }, { id: 3, v: 'new' }], before);
  assert.equal(same.pending, 0);
  assert.deepEqual(same.rows.map((row) => row.v), ['new', 'new', 'new']);
  const moved = keepOrder([1, 2, 3], [{ id: 3, v: 'new' }, { id: 1, v: 'new' }, { id: 2, v: 'new' }], before);
  assert.deepEqual(moved.rows.map((row) => row.id), [1, 2, 3]);
  assert.ok(moved.pending > 0);
  const replaced = keepOrder([1, 2, 3], [{ id: 1, v: 'new' }, { id: 2, v: 'new' }, { id: 4, v: 'new' }], before);
  assert.deepEqual(replaced.rows.map((row) => row.id), [1, 2, 3]);
  assert.equal(replaced.pending, 1);
});

const fields = readFields({
  JobFields: {
    properties: {
      cronSet: { type: 'string' },
      command: { type: 'string' },
      tags: { anyOf: [{ type: 'array' }, { type: 'string', description: 'with commas between' }] },
      env: { anyOf: [{ type: 'array' }, { type: 'string', description: 'with line breaks between' }] },
      retries: { type: 'integer' },
      is_mutex: { $ref: '#/components/schemas/Flag' },
      overlap: { enum: ['allow', 'skip'] },
      at: { type: 'string' },
    },
  },
});
const definition = {
  id: 7, cron_set: '0 30 2 * * *', command: 'backup', tags: ['a', 'b'], env: ['X=1', 'Y=a, b'], retries: 1, is_mutex: true,
  overlap: 'skip',
};

test('the form has the fields that the node describes', () => {
  assert.deepEqual(fields.map((field) => [field.name, field.kind]), [
    ['cronSet', 'text'], ['command', 'long'], ['tags', 'words'], ['env', 'lines'], ['retries', 'number'],
    ['is_mutex', 'flag'], ['overlap', 'choice'],
  ]);
});

test('only what was changed in a form is sent', () => {
  const form = toForm(fields, definition);
  assert.deepEqual(changedParameters(fields, form, form), {});
  const after = { ...form, tags: 'a, c', env: 'X=1\nZ=', retries: '2m', is_mutex: '0' };
  assert.deepEqual(changedParameters(fields, form, after), { tags: ['a', 'c'], env: ['X=1', 'Z='], retries: '2m', is_mutex: false });
  assert.deepEqual(withForm(fields, definition, form), definition);
  assert.equal(withForm(fields, definition, { ...form, retries: '3' })['retries'], 3);
});

test('a definition as TOML is read back as it was', () => {
  const { id: _, ...rest } = definition;
  const text = toToml(rest);
  assert.match(text, /^cron_set = "0 30 2 \* \* \*"\n/);
  assert.match(text, /tags = \["a", "b"\]\n/);
  assert.deepEqual(fromToml(text), rest);
  assert.deepEqual(fromToml("# remark\n\nname = 'it\\'\n"), { name: 'it\\' });
});

test('TOML that cannot be read says in which line', () => {
  assert.throws(() => fromToml('a = 1\nb = yes'), /^Error: line 2: b: write/);
  assert.throws(() => fromToml('a = 1\na = 2'), /^Error: line 2: a is given twice/);
  assert.throws(() => fromToml('[job]'), /^Error: line 1: write name = value/);
});

test('differences have what changed, and of a new job what is set', () => {
  assert.deepEqual(differences(definition, { ...definition, retries: 3 }, ['command']), [
    { sign: ' ', text: 'command = "backup"' },
    { sign: '−', text: 'retries = 1' },
    { sign: '+', text: 'retries = 3' },
  ]);
  assert.deepEqual(differences({}, { id: 7, command: 'x', timeout: 0, tags: [], stop: false }), [{ sign: '+', text: 'command = "x"' }]);
  assert.deepEqual(changedFields(definition, { ...definition, env: [] }), ['env']);
});

test('a whole definition is given back as parameters', () => {
  assert.deepEqual(toParameters({ id: 7, cron_set: '* * * * *', misfire_window: null }), { cronSet: '* * * * *', misfire_window: '' });
});

test('only a further attempt is a retry: a fire with jitter waits for its start, too', () => {
  assert.equal(retryOf({ attempt: 2, retry_at: 5 }), 5);
  assert.equal(retryOf({ attempt: 1, retry_at: 5 }), null);
  assert.equal(retryOf({ attempt: 2, retry_at: null }), null);
});
