import assert from 'node:assert/strict';
import { test } from 'node:test';

import { changedParameters, fitting, readFields, takesReason, toForm } from '../../../console/src/rules/fields';

const number = { type: 'integer' };
const fields = readFields({
  JobFields: { properties: { kind: { enum: ['command', 'http', 'daemon'] }, command: {}, cronSet: {}, retries: number, restart_delay: number } },
  Definition: {
    properties: {
      kind: { default: 'command' },
      command: { default: '', 'x-kinds': ['command', 'daemon'] },
      cron_set: { default: '', 'x-kinds': ['command', 'http'] },
      retries: { default: 0, 'x-kinds': ['command', 'http'] },
      restart_delay: { default: 1, 'x-kinds': ['daemon'] },
    },
  },
});
const whatIsSent = (before: Record<string, string>, after: Record<string, string>) =>
  changedParameters(fields, before, fitting(fields, before, after));

test('a job that becomes another kind loses what that kind has not', () => {
  const before = toForm(fields, { kind: 'command', command: 'work', cron_set: '@daily', retries: 3, restart_delay: 1 });
  assert.deepEqual(whatIsSent(before, { ...before, kind: 'daemon', restart_delay: '5' }), {
    kind: 'daemon', cronSet: '', retries: '0', restart_delay: '5',
  });
  assert.deepEqual(whatIsSent(before, { ...before, command: 'rest' }), { command: 'rest' });
});

test('of a new job nothing is sent that its kind has not, whatever was typed before', () => {
  const before = toForm(fields, {});
  const typed = { ...before, cronSet: '@daily', retries: '3', command: 'work' };
  assert.deepEqual(whatIsSent(before, typed), { cronSet: '@daily', retries: '3', command: 'work' });
  assert.deepEqual(whatIsSent(before, { ...typed, kind: 'daemon' }), { kind: 'daemon', command: 'work' });
});

test('a form of an older node, which says nothing of kinds, is sent as it is', () => {
  const old = fields.map((field) => ({ ...field, kinds: undefined, initial: undefined }));
  const before = toForm(old, { kind: 'command', cron_set: '@daily' });
  const after = { ...before, kind: 'daemon', cronSet: '' };
  assert.deepEqual(fitting(old, before, after), after);
});

test('a reason is asked for where the node takes one, in whatever part of the schema it stands', () => {
  const properties = { reason: { type: 'string' } };
  assert.equal(takesReason({ JobChange: { allOf: [{}, { properties }] } }), true);
  assert.equal(takesReason({ JobFields: { properties } }), true);
  assert.equal(takesReason({ JobFields: { properties: {} }, JobChange: { allOf: [{}] } }), false);
});
