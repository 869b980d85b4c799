// The ten things that an operator does in a day, each from the first page, counted: a click is one, a key is one, what is
// typed into a field is not counted. docs/console.md says how many each takes, and this that it is true.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, root, startConsole } from './harness.mjs';

const most = 3;
const { node, withPage } = await startConsole();

const ids = {
  fails: await node.addJob('nightly-backup', { command: 'echo the disk is full; exit 2', cronSet: '0 30 2 * * *' }),
  slow: await node.addJob('search-reindex', { command: 'i=0; while [ $i -lt 600 ]; do i=$((i + 1)); echo shard $i; sleep 1; done' }),
};
await node.runToEnd(ids.fails);
await node.post(`cron/run/${ids.slow}`);

const text = await readFile(join(root, 'docs/console.md'), 'utf8');
/** By the documentation: what → how many. */
const told = new Map([...text.matchAll(/^\| ([^|]+?) \| [^|]* \| (\d) \|$/gm)].map(([, what, count]) => [what, Number(count)]));

/** One of the ten, on the first page as it is when it has been read. */
function thing(what, act) {
  const counted = async (page) => {
    let count = 0;
    const hand = {
      press: async (...keys) => {
        for (const key of keys) {
          count += 1;
          await page.keyboard.press(key);
        }
      },
      click: async (selector) => {
        count += 1;
        await page.click(selector);
      },
      type: (selector, text) => page.fill(selector, text),
      sees: (selector) => page.waitForSelector(selector),
    };
    await page.waitForSelector('tr.alarm:has-text("nightly-backup")');
    await act(hand, page);
    assert.ok(count <= most, `${count} clicks and keys`);
    assert.equal(count, told.get(what), `docs/console.md says how many it takes to see or do this: ${what}`);
  };
  test(`${what}, in at most three clicks or keys`, () => withPage('', counted));
}

thing('what fails', async ({ sees }) => {
  await sees('.answer:has-text("One job is failing")');
  await sees('tr.alarm:has-text("nightly-backup"):has-text("exit code 2")');
});

thing('why it failed', async ({ click, sees }) => {
  await click('tr:has-text("nightly-backup") a:has-text("exit code 2")');
  await sees('.answer:has-text("exit code 2")');
  await sees('.output:has-text("the disk is full")');
});

thing('run it again', async ({ press, sees }, page) => {
  await press('r');
  await page.waitForURL('**/ui/run/*');
  await sees('.answer:has-text("Failed"):has-text("attempt 2")');
});

thing('stop it until a moment', async ({ press, type, sees }) => {
  await press('Enter');
  await sees('button:has-text("Stop")');
  await press('s');
  await type('#ask-until', 'tomorrow 06:00');
  await press('Enter');
  await sees('.answer:has-text("Paused until")');
  await node.post(`cron/start/${ids.fails}`);
});

thing('add a job', async ({ press, type, sees }, page) => {
  await press('n');
  await type('[name=name]', 'added-in-a-hurry');
  await type('[name=command]', 'true');
  await type('[name=cronSet]', '15 3 * * *');
  await press('Control+Enter');
  await page.waitForURL('**/ui/job/added-in-a-hurry');
  await sees('.answer:has-text("Has not run yet")');
});

thing('edit a job', async ({ press, type, sees }) => {
  await press('Enter');
  await sees('a:has-text("Edit")');
  await press('e');
  await type('[name=remark]', 'asks for a disk of its own');
  await press('Control+Enter');
  await eventually(async () => assert.equal((await node.get(`cron/${ids.fails}`)).remark, 'asks for a disk of its own'));
});

thing('watch one that runs', async ({ click, sees }) => {
  await click('tr:has-text("search-reindex") a');
  await sees('.output.live:has-text("shard")');
});

thing('find a job', async ({ press, type, sees }, page) => {
  await press('Control+k');
  await type('#palette', 'reindex');
  await sees('[role=option][aria-selected=true]:has-text("reindex")');
  await press('Enter');
  await page.waitForURL('**/ui/job/search-reindex');
});

thing('look back at last night', async ({ click, sees }) => {
  await click('.day a:has-text("failed")');
  await sees('tbody tr:has-text("nightly-backup"):has-text("failed")');
});

thing('see the next 24 hours', async ({ press, click, sees }) => {
  await press('g', 't');
  await click('.switch a:has-text("Later")');
  await sees('.head:has-text("24 h ahead")');
  await sees('.heat path.c1');
});
