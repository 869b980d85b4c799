// Jobs that run after each other, as one fire of them went.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answerInstead, eventually, findBarriers, keepPicture, resize, startConsole } from './harness.mjs';

const { node, browser, ui, withPage } = await startConsole();

const extract = await node.addJob('extract', { cronSet: '0 0 2 1 1 *', command: 'echo extracted' });
const after = (name, parents, fields) => node.post('cron/add', { name, run_after: parents, command: 'true', ...fields });
await after('load-a', ['extract']);
await after('load-b', ['extract'], { command: 'exit 3' });
await after('report', ['load-a', 'load-b']);
await after('page', ['load-a', 'load-b'], { run_after_on: 'failure' });

/** Until the last of them has a row. */
async function fire() {
  const { scheduled_at: at } = await node.runToEnd(extract);
  await eventually(async () => {
    const { list } = await node.get('log/list?limit=20');
    assert.equal(list.filter((run) => run.scheduled_at === at && run.state !== 'running').length, 5);
  });
}

const row = (name) => `main tbody tr:has(a.name:text-is("${name}"))`;

test('a job shows what runs before and after it, and how one fire of all that went', async () => {
  await fire();
  await withPage('job/report?view=chain', async (page) => {
    await page.waitForSelector(`${row('extract')}:has-text("success")`);
    await page.waitForSelector(`${row('load-b')}.alarm:has-text("failed"):has-text("it succeeds")`);
    await page.waitForSelector(`${row('report')}:has-text("skipped: parent"):has-text("all succeed"):has-text("this job")`);
    assert.equal(await page.locator(row('page')).count(), 0, 'it is beside this job, not before or after it');
    assert.match(await page.getAttribute('svg.chain', 'aria-label'), /extract leads to load-a.*load-b leads to report/);
    for (const width of [1440, 390]) {
      await resize(page, width);
      assert.deepEqual(await findBarriers(page), []);
    }
    await keepPicture(page, 'chain');
    await page.click(`${row('report')} a:text-is("load-b")`);
    await page.waitForSelector(`${row('page')}:has-text("one of them fails")`);
    await page.click(`${row('load-b')} .num a`);
    await page.waitForSelector('.answer:has-text("exit code 3")');
    await page.waitForSelector('.facts dd:has-text("after extract (job"):not(:has-text("by hand"))');
    await page.click('.facts a:has-text("what ran before it")');
    await page.waitForSelector('h2:has-text("Chain of the fire of")');
  });
});

test('the fire before is found, and what has not come is waited for', async () => {
  await fire();
  const slow = await after('slow', ['load-a'], { command: 'sleep 600' });
  await after('last', ['slow']);
  await fire();
  await eventually(async () => assert.equal((await node.get(`cron/${slow.id}`)).running, 1));
  await withPage('job/load-a?view=chain', async (page) => {
    await page.waitForSelector(`${row('slow')}:has-text("running")`);
    await page.waitForSelector(`${row('last')}:has-text("waits")`);
    await page.waitForSelector('svg.chain text:text-is("waits")');
    await page.click('a:has-text("fire before")');
    await page.waitForSelector(`${row('slow')}:has-text("no fire")`);
    assert.notEqual(new URL(page.url()).searchParams.get('at'), null);
    await page.click('a:has-text("Newest fire")');
    await page.waitForSelector(`${row('slow')}:has-text("running")`);
  });
});

test('jobs without a name stand in a chain each for itself', async () => {
  const begin = await node.addJob('begin', {});
  const ids = [];
  for (const command of ['echo one', 'echo two']) ids.push((await node.post('cron/add', { run_after: ['begin'], command })).id);
  await node.runToEnd(begin);
  await withPage('job/begin?view=chain', async (page) => {
    for (const id of ids) {
      await page.waitForSelector(`${row(`#${id}`)}:has-text("success")`);
      await page.waitForSelector(`svg.chain text:text-is("#${id}")`);
    }
    assert.equal(await page.locator('main tbody tr').count(), 3);
  });
});

test('the rows of a fire are asked for at once, however many jobs a chain has', async () => {
  await withPage('jobs', async (page) => {
    const asked = [];
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === '/log/list' && searchParams.has('from') && searchParams.has('to')) asked.push(searchParams.get('state'));
    });
    await page.goto(ui('job/report?view=chain'));
    await page.waitForSelector(row('load-b'));
    assert.deepEqual(asked, [null, 'planned']);
  });
});

test('a chain of which one call fails says so, and can be read again', async () => {
  await withPage('jobs', async (page) => {
    await answerInstead(page, (url) => url.searchParams.has('run_after'), { code: 504, message: 'the database is too slow for this list' });
    await page.goto(ui('job/extract?view=chain'));
    await page.waitForSelector('.trouble:has-text("too slow for this list")');
    await page.unrouteAll();
    await page.click('.trouble button:has-text("Try again")');
    await page.waitForSelector('svg.chain');
  });
});

test('an answer that the page cannot read is no reason to wait for ever', async () => {
  const page = await browser.open('about:blank');
  await answerInstead(page, (url) => url.searchParams.has('run_after'), null);
  await page.goto(ui('job/extract?view=chain'));
  await page.waitForSelector('.trouble:has-text("TypeError")');
  assert.equal(await page.locator('.loading').count(), 0);
  await page.context().close();
});

test('a job that is alone says how to have another one after it, also in Chinese', async () => {
  await node.addJob('alone', {});
  await withPage('job/alone?view=chain', async (page) => {
    await page.waitForSelector('.empty:has-text("Nothing runs after this job") .cmd:has-text("--run-after alone")');
    assert.deepEqual(await findBarriers(page), []);
    await page.click('text=中文');
    await page.waitForSelector('.tabs a:has-text("任务链")');
    await page.waitForSelector('.empty:has-text("没有任务在它之后运行")');
  });
});

test('a job that requires others says so with its schedule, and its form asks for it', async () => {
  await node.addJob('needy', { cronSet: '0 0 3 1 1 *', requires: ['extract', 'alone'], requires_wait: 3600 });
  await withPage('job/needy?view=schedule', async (page) => {
    await page.waitForSelector('section:has(h2:text-is("Only if")) a:text-is("extract")');
    await page.waitForSelector('section:has(h2:text-is("Only if")) p:has-text("waits for that for 1 h")');
    assert.deepEqual(await findBarriers(page), []);
    await page.click('text=中文');
    await page.waitForSelector('h2:text-is("仅当")');
  });
});
