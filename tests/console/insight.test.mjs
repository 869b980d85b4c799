// What the node knows of the past and of what comes, as the page shows it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eventually, keepPicture, startConsole } from './harness.mjs';

const { node, browser, ui, withPage } = await startConsole();

test('the form shows what a schedule means and what is wrong with it, while one types', async () => {
  await withPage('new', async (page) => {
    await page.fill('[name=cronSet]', '0 30 2,14 * * *');
    await page.waitForSelector('.preview:has-text("At 02:30:00 and 14:30:00")');
    assert.equal(await page.locator('.preview ol li:has-text("30:00")').count(), 5);
    await page.click('.preview button:has-text("more")');
    await page.waitForFunction(() => document.querySelectorAll('.preview ol li').length === 20);
    await keepPicture(page, 'preview');
    await page.fill('[name=cronSet]', '0 30 25 * * *');
    await page.waitForSelector('.field:has([name=cronSet]) .error:has-text("25")');
  });
});

test('lists show how jobs are, and find them by that', async () => {
  await node.runToEnd(await node.addJob('fails', { command: 'exit 4' }));
  await node.runToEnd(await node.addJob('works', {}));
  await withPage('jobs', async (page) => {
    await page.waitForSelector('tr.alarm:has-text("fails"):has-text("failed")');
    await page.waitForSelector('tr:has-text("works") svg.strip[aria-label*="1 success"]');
    assert.match(await page.textContent('tbody tr .name'), /fails/, 'failing first');
    await page.click('.tabs a:has-text("Failing")');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  });
});

test('why a job ran is answered, and why it was stopped is kept', async () => {
  const id = await node.addJob('asked', { command: 'exit 4' });
  await node.runToEnd(id);
  await withPage('job/asked?view=why', async (page) => {
    await page.waitForSelector('section .answer:has-text("failed")');
    await page.keyboard.press('s');
    await page.fill('dialog #ask-reason', 'the disk is full');
    await page.click('dialog button:has-text("Stop")');
    await page.waitForSelector('.answer:has-text("Stopped")');
    await page.click('.tabs a:has-text("History")');
    await page.waitForSelector('.sub:has-text("the disk is full")');
  });
  await eventually(async () => assert.equal((await node.get(`cron/${id}`)).stop, true));
});

test('all that match are stopped with one call', async () => {
  for (let n = 0; n < 30; ++n) await node.addJob(`many-${n}`, { tags: ['many'] });
  await withPage('jobs?tag=many', async (page) => {
    await page.waitForSelector('tbody tr');
    await page.keyboard.press('x');
    await page.click('button:has-text("Select all 30 that match")');
    await page.keyboard.press('s');
    await page.click('dialog button:has-text("Stop")');
    await page.waitForSelector('.said:has-text("30 jobs stopped")');
  });
  const { list } = await node.get('cron/list?tags=many&limit=50');
  assert.ok(list.every((job) => job.stop));
});

test('the timeline shows the fires of a cell', async () => {
  await withPage('timeline', async (page) => {
    await page.waitForSelector('.heat svg');
    // Its run is in the newest cell, unless another one has begun since.
    await eventually(async () => {
      await page.keyboard.press('ArrowLeft');
      await page.waitForSelector('section:has-text("←") tbody tr:has-text("fails")', { timeout: 10_000 });
    });
    await keepPicture(page, 'timeline-cell');
    await page.keyboard.press('Escape');
    await page.waitForSelector('.note:has-text("Click a cell")');
  });
});
