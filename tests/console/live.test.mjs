// What happens at the node is seen at once: by one stream of events, and by the output of what runs.
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';

import { findBarriers, keepPicture, startConsole } from './harness.mjs';

const { node, browser, ui } = await startConsole();

test('the output of a run is seen while it runs, until one scrolls up, and then how it ended', async () => {
  // It goes on to its end when it has been seen running.
  const seen = join(node.folder, 'seen');
  const wait = `[ $i -ne 350 ] || while [ ! -e ${seen} ]; do sleep 0.1; done`;
  const count = `i=0; while [ $i -lt 400 ]; do i=$((i + 1)); printf "\\033[32mline\\033[0m %s\\n" $i; ${wait}; done`;
  const id = await node.addJob('counts', { command: `${count}; exit 3` });
  const run = await node.post(`cron/run/${id}`);
  const page = await browser.open(ui(`run/${run.id}`));
  await page.waitForSelector('.output.live:has-text("line 350")');
  await page.waitForSelector('.output.live .fold:has-text("lines folded")');
  assert.ok((await page.locator('.output > span').count()) < 100, 'a long output is folded');
  assert.deepEqual(await findBarriers(page), []);
  await keepPicture(page, 'output-live');
  await page.keyboard.press('f');
  await page.waitForSelector('button[aria-pressed=false]:has-text("Following")');
  await writeFile(seen, '');
  await page.waitForSelector('.answer:has-text("Failed"):has-text("exit code 3")');
  await page.waitForSelector('.output:has-text("line 400")');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});

test('one stream of events tells a tab what changes', async () => {
  const page = await browser.open('about:blank');
  let streams = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/events')) ++streams;
  });
  await page.goto(ui(''));
  await page.waitForSelector('h2:has-text("Running")');
  const id = await node.addJob('told', { command: 'exit 1' });
  await node.runToEnd(id);
  await page.waitForSelector('tr.alarm:has-text("told")');
  await page.click('nav a:has-text("Jobs")');
  await page.waitForSelector('tr:has-text("told")');
  await node.post(`cron/stop/${id}`);
  await page.waitForSelector('tr:has-text("told"):has-text("stopped")');
  assert.equal(streams, 1);
  await page.context().close();
});
