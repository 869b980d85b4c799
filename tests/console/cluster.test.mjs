// A cluster, looked at through nginx, whose dispatcher is killed meanwhile.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { binary, Browser, call, eventually, findBarriers, keepPicture, root } from './harness.mjs';

// Below those of the clusters in tests/cluster, which may run beside this one.
const basePort = 11_800;
const address = `http://127.0.0.1:${basePort + 90}/`;
let folder;
let browser;

/** Its end, not that of its output: what it starts keeps that open. */
async function cluster(...words) {
  const child = spawn(join(root, 'bin/cluster'), [...words, '--dir', folder], { stdio: 'ignore' });
  const [code] = await once(child, 'exit');
  assert.equal(code, 0, `bin/cluster ${words.join(' ')} ends with ${code}`);
}

before(async () => {
  folder = await mkdtemp(join(process.env.PEERCRON_TEST_DIR ?? tmpdir(), 'peercron-cluster-'));
  await cluster('up', '--nodes', '2', '--base-port', String(basePort), '--binary', binary);
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await cluster('down', '--wipe');
  await rm(folder, { recursive: true, force: true });
});

const dispatcher = () => call(address, 'node/list').then((nodes) => nodes.dispatcher);

test('when the dispatcher is killed, the page goes on at another node and says who dispatches now', async () => {
  await call(address, 'cron/add', { name: 'each-second', cronSet: '* * * * * *', command: 'true' });
  const first = await eventually(async () => {
    const name = await dispatcher();
    assert.notEqual(name, '');
    return name;
  });
  const page = await browser.open(new URL('ui/nodes', address));
  await page.waitForSelector(`.answer:has-text("2 of 2 nodes are alive; ${first} is the dispatcher")`);
  assert.deepEqual(await findBarriers(page), []);

  const number = (Number(first.split(':').at(-1)) - basePort - 1) / 2 + 1;
  await cluster('kill-node', String(number));
  const second = await eventually(async () => {
    const name = await dispatcher();
    assert.notEqual(name, '');
    assert.notEqual(name, first);
    return name;
  });
  await page.waitForSelector(`.answer:has-text("${second} is the dispatcher")`);
  await page.waitForFunction(() => !document.querySelector('.banner'));
  await keepPicture(page, 'nodes-one-killed');

  await page.click('nav a:has-text("Runs")');
  await page.waitForSelector('tbody tr:has-text("each-second"):has-text("success")');
  const newest = await page.textContent('tbody tr .name');
  await page.waitForFunction((before) => document.querySelector('tbody tr .name').textContent !== before, newest);
  assert.deepEqual(page.complaints, []);
});
