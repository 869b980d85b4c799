// What the node knows of the past and of what comes, as the page shows it.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { eventually, findBarriers, keepPicture, startConsole } from './harness.mjs';

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

test('a run that failed is compared with the last success', async () => {
  const ok = `${node.folder}/ok`;
  const id = await node.addJob('compared', { command: `seq 1 30; [ -e ${ok} ] && echo all is well || { echo disk is full; exit 1; }` });
  await writeFile(ok, '');
  const { id: success } = await node.runToEnd(id);
  await rm(ok);
  await node.post('cron/update', { id, remark: 'changed' });
  const { id: failed } = await node.runToEnd(id);
  await withPage(`run/${failed}`, async (page) => {
    const compared = page.locator('section:has(h2:has-text("Compared with the last success"))');
    await compared.locator(`a[href$="run/${success}"]`).waitFor();
    await compared.locator('.note:has-text("Same node. The definition changed in between: remark.")').waitFor();
    await compared.locator('.diff .del:has-text("all is well")').waitFor();
    await compared.locator('.diff .add:has-text("disk is full")').waitFor();
    await compared.locator('.diff .hunk:has-text("equal lines")').waitFor();
    await page.waitForSelector('.facts a:has-text("revision")');
    await keepPicture(page, 'compared');
  });
});

test('what is skipped as asked stands on the first page, with why', async () => {
  const id = await node.addJob('exclusive', { is_mutex: 1, cronSet: '* * * * * *', command: 'sleep 600' });
  await eventually(async () => {
    const { list } = await node.get(`log/list?cron_id=${id}&state=skipped&limit=5`);
    assert.ok(list.length > 0);
  });
  await node.post(`cron/stop/${id}`);
  await withPage('', async (page) => {
    await page.waitForSelector('section:has(h2:has-text("Skipped as asked")) li:has-text("exclusive"):has-text("mutex")');
  });
});

test('tags are chosen from those that jobs have, in lists and by the palette', async () => {
  await node.addJob('tagged', { tags: ['warehouse'], command: 'true' });
  await withPage('jobs', async (page) => {
    await page.selectOption('#tag', 'warehouse');
    await page.waitForURL('**/ui/jobs?tag=warehouse');
    await page.waitForSelector('tbody tr:has-text("tagged")');
    assert.equal(await page.locator('main tbody tr').count(), 1);
    await page.keyboard.press('Control+k');
    await page.fill('#palette', 'wareh');
    await page.waitForSelector('[role=option]:has-text("Pause all jobs with the tag warehouse")');
    await page.click('[role=option]:has-text("Jobs with the tag warehouse"):has-text("1 job")');
    await page.waitForURL('**/ui/jobs?tag=warehouse');
  });
});

test('the timeline has a line for each tag, and shows the fires of its cells', async () => {
  await node.runToEnd(await node.addJob('dumps', { tags: ['nightly'], cronSet: '0 0 * * * *', command: 'true' }));
  await withPage('timeline', async (page) => {
    await page.waitForSelector('.heat svg');
    await page.click('a:has-text("By tag")');
    const line = page.locator('.heat svg[aria-label^="Fires of nightly:"]');
    await line.waitFor();
    await page.waitForSelector('.heat .value:has-text("1 job")');
    assert.ok((await line.locator('path').count()) > 1, 'the past, and what comes');
    await eventually(async () => {
      const { width, height } = await line.boundingBox();
      await line.click({ position: { x: width / 2 - 3, y: height / 2 } }); // the newest cell ends in the middle
      await page.waitForSelector('section:has-text("nightly,") tbody tr:has-text("dumps")', { timeout: 10_000 });
    });
    assert.equal(await page.locator('section:has-text("nightly,") tbody tr').count(), 1, 'no fires of other jobs');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'timeline-by-tag');
  });
});

test('the ledger is narrowed to the jobs with a tag', async () => {
  await node.runToEnd(await node.addJob('ledgered', { tags: ['ledger'] }));
  await withPage('runs', async (page) => {
    await page.selectOption('#tag', 'ledger');
    await page.waitForURL('**/ui/runs?tag=ledger');
    await eventually(async () => assert.equal(await page.locator('main tbody tr').count(), 1));
    await page.waitForSelector('tbody tr:has-text("ledgered")');
  });
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
