import assert from 'node:assert/strict';
import { test } from 'node:test';

import { parseLines, splitLines } from '../../../console/src/rules/ansi';
import { fold, OutputText } from '../../../console/src/rules/output';
import { EventParser } from '../../../console/src/rules/sse';

const parseOutput = (output: string) => parseLines(splitLines(output));
const texts = (output: string) => parseOutput(output).map((line) => line.map((piece) => piece.text).join(''));

test('colours become classes, and go on over lines', () => {
  assert.deepEqual(parseOutput('a\x1b[31mred\nstill\x1b[0m\x1b[1;36mb'), [
    [{ text: 'a', style: '' }, { text: 'red', style: 'a1' }],
    [{ text: 'still', style: 'a1' }, { text: 'b', style: 'a6 ab' }],
  ]);
  assert.deepEqual(parseOutput('\x1b[38;5;196mx\x1b[92my'), [[{ text: 'x', style: '' }, { text: 'y', style: 'a2' }]]);
});

test('sequences that move cursors or set titles are dropped, other control characters shown', () => {
  assert.deepEqual(texts('\x1b[2J\x1b[1;1Ha\x1b]0;title\x07b\x1b(B'), ['ab']);
  assert.deepEqual(texts('bell\x07 \u202eback \x7f'), ['bell␇ <202E>back ␡']);
});

test('a carriage return begins the line again', () => {
  assert.deepEqual(texts('10 %\r50 %\r100 %\r\ndone'), ['100 %', 'done']);
});

test('the end of the last line is no line', () => {
  assert.deepEqual(texts('a\n\n'), ['a', '']);
  assert.deepEqual(texts(''), []);
});

test('up to 200 lines are shown; of more, the beginning and the end', () => {
  assert.equal(fold(200).hidden, 0);
  assert.deepEqual(fold(2046), { head: 10, tail: 2006, hidden: 1996 });
  assert.deepEqual(fold(2046, 200), { head: 210, tail: 2006, hidden: 1796 });
  assert.equal(fold(300, 260).hidden, 0);
});

test('a long output loses its middle, never its beginning or its end', () => {
  const output = new OutputText(100);
  for (let i = 0; i < 50; ++i) output.append(`line ${i}\n`);
  const parts = output.parts();
  assert.equal(parts.length, 2);
  assert.ok(parts[0]!.startsWith('line 0\n'));
  assert.ok(parts[1]!.endsWith('line 49\n'));
  assert.ok(parts[1]!.startsWith('line'), 'cut at a line');
  assert.ok(parts.join('').length <= 100);
  assert.equal(output.dropped + parts.join('').length, 390);
});

test('events are read however they are cut', () => {
  const stream = ': heartbeat\n\nid: 7\nevent: run\ndata: {"id":1}\n\nevent: bye\r\ndata: {}\r\n\r\ndata: a\ndata: b\n\n';
  const expected = [
    { event: 'run', data: '{"id":1}', id: '7' },
    { event: 'bye', data: '{}', id: '7' },
    { event: 'message', data: 'a\nb', id: '7' },
  ];
  for (const size of [1, 3, 1000]) {
    const parser = new EventParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.push(stream.slice(at, at + size)));
    assert.deepEqual(events, expected);
  }
});
