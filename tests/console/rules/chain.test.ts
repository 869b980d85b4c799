import assert from 'node:assert/strict';
import { test } from 'node:test';

import { columns, drawChain, widthOf } from '../../../console/src/rules/chain';

let ids = 0;
const link = (name: string, ...runAfter: string[]) => ({ id: ++ids, name, runAfter });
const names = (links: readonly { name: string }[][]) => links.map((column) => column.map((one) => one.name));

test('each job stands right of all that it runs after', () => {
  const links = [link('report', 'load', 'extract'), link('load', 'extract'), link('extract'), link('page', 'load')];
  assert.deepEqual(names(columns(links)), [['extract'], ['load'], ['page', 'report']]);
});

test('jobs stand at the height of what they run after', () => {
  const links = [link('a'), link('b'), link('z-after-a', 'a'), link('c-after-b', 'b')];
  assert.deepEqual(names(columns(links)), [['a', 'b'], ['z-after-a', 'c-after-b']]);
});

test('parents that are not shown count for nothing, and a circle is drawn once', () => {
  assert.deepEqual(names(columns([link('child', 'hidden')])), [['child']]);
  assert.equal(columns([link('one', 'other'), link('other', 'one')]).flat().length, 2);
});

test('jobs without a name are drawn each in its place', () => {
  const drawing = drawChain([link('extract'), link('', 'extract'), link('', 'extract')], (one) => [`#${one.id}`]);
  const [, first, second] = drawing.nodes;
  assert.equal(drawing.nodes.length, 3);
  assert.ok(first!.link.id < second!.link.id && first!.y < second!.y);
  assert.deepEqual(drawing.edges.map(({ to }) => to.id), [first!.link.id, second!.link.id]);
});

test('lines lead from the end of one name to the beginning of the next', () => {
  const drawing = drawChain([link('extract'), link('load', 'extract')], (one) => [one.name]);
  const [extract, load] = drawing.nodes;
  assert.ok(extract!.x + extract!.width < load!.x);
  assert.ok(load!.x + load!.width <= drawing.width);
  assert.equal(drawing.edges.length, 1);
  assert.match(drawing.edges[0]!.d, new RegExp(`^M${extract!.width + 6} 26`));
});

test('Chinese letters take more room', () => {
  assert.ok(widthOf('报表') > widthOf('ab'));
});
