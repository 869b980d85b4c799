// Every screen, at every width, light and dark: nothing is in the way of anybody, nothing is wider than
// the window, and the browser has nothing to complain about.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { eventually, fillWithWork, findBarriers, keepPicture, resize, startConsole } from './harness.mjs';

const { node, browser, ui, withPage } = await startConsole();
const work = await fillWithWork(node);
await holdThings();

/** Pauses, a lock with a run that waits for it, a channel, a chain and a backfill. */
async function holdThings() {
  const soon = Math.floor(Date.now() / 1000) + 5 * 3600;
  await node.post('pause', { tag: 'partner', until: soon, reason: 'the partner moves its server' });
  await node.post('pause', { tag: 'web', from: soon, reason: 'certificates are renewed by hand' });
  await node.post('lock/set', { name: 'ftp', limit: 4 });
  const locked = { locks: ['warehouse', 'ftp:2'], overlap: 'queue', command: 'sleep 600' };
  const holds = await node.addJob('warehouse-vacuum', locked);
  await node.post(`cron/run/${holds}`);
  await eventually(async () => assert.equal((await node.get('lock/list')).find((lock) => lock.name === 'ftp').taken, 2));
  await node.post(`cron/run/${await node.addJob('warehouse-extract', locked)}`);
  await node.post('channel/add', { name: 'ops', kind: 'webhook', url: 'http://127.0.0.1:9/hook', every_job: 1 });
  await node.post('cron/add', { name: 'verify-backup', run_after: ['nightly-backup'], command: 'true', tags: ['backup'] });
  const backup = work.ids['nightly-backup'];
  await node.post(`cron/backfill/${backup}`, { from: soon - 3 * 86_400, only: 'all', parallel: 2 });
}

/** What is there when the screen is whole. */
const screens = {
  now: ['', 'h2:has-text("Running")'],
  jobs: ['jobs', 'table.jobs tbody tr'],
  'jobs-of-tag': ['jobs?tag=db', 'table.jobs tbody tr'],
  'job-runs': ['job/nightly-backup', 'h2:has-text("Runs")'],
  'job-schedule': ['job/search-reindex?view=schedule', 'td:has-text("Today")'],
  'job-definition': ['job/nightly-backup?view=definition', '[name=cronSet]'],
  'job-toml': ['job/nightly-backup?view=definition&as=toml', '#toml'],
  'job-history': ['job/nightly-backup?view=history', '.diff'],
  'job-chain': ['job/nightly-backup?view=chain', 'svg.chain'],
  'job-why': ['job/nightly-backup?view=why', '#at'],
  'job-backfills': ['job/nightly-backup?view=backfills', '#backfills tbody tr'],
  'job-stopped': ['job/legacy-ftp-pull', '.answer:has-text("Stopped")'],
  'job-new': ['job/never-ran', '.answer:has-text("Has not run yet")'],
  new: ['new', '[name=cronSet]'],
  'run-failed': [`run/${work.runs.failed}`, '.output'],
  'run-succeeded': [`run/${work.runs.succeeded}`, '.output'],
  'run-live': [`run/${work.runs.running}`, '.answer:has-text("Running")'],
  runs: ['runs?state=unsuccessful', 'tbody tr.alarm'],
  timeline: ['timeline', 'main h1'],
  'timeline-by-tag': ['timeline?by=tag', '.heat .label:has-text("backup")'],
  nodes: ['nodes', 'td:has-text("dispatcher")'],
  pauses: ['pauses', 'tbody tr'],
  calendars: ['access?view=calendars&calendar=workdays', '#calendar .lines li'],
  access: ['access', '#locks tbody tr'],
  'no-such-page': ['nowhere', 'h1:has-text("no such page")'],
};

const looks = [
  [1440, 'light'],
  [1024, 'dark'],
  [390, 'light'],
  [390, 'dark'],
];

for (const [name, [path, whole]] of Object.entries(screens)) {
  test(`${name} is open to everybody at every width`, () =>
    withPage(path, async (page) => {
      await page.waitForSelector(whole);
      for (const [width, scheme] of looks) {
        await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
        await resize(page, width);
        assert.deepEqual(await findBarriers(page), [], `${name} at ${width}, ${scheme}`);
        const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
        assert.ok(wide <= window, `${name} at ${width} is ${wide} wide`);
        await keepPicture(page, `${name}-${width}-${scheme}`);
        assert.equal(await page.evaluate(() => document.getAnimations().length), 0, 'nothing moves for those who do not want that');
      }
      const lost = await page.evaluate(() => [...document.querySelectorAll('use')].map((use) => use.getAttribute('href')).filter((mark) => !document.querySelector(mark)));
      assert.deepEqual(lost, [], 'each state has its shape');
      await resize(page, 720); // 1440 at 200 %
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} at 200 %`);
      assert.deepEqual([...page.origins], [new URL(node.address).origin], 'no request leaves the node');
    }));
}

test('the page is painted before its script has been read', async () => {
  const page = await browser.open('about:blank');
  let begin;
  const mayBegin = new Promise((resolve) => (begin = resolve));
  await page.route('**/console.js', async (route) => {
    await mayBegin;
    await route.continue();
  });
  await page.goto(ui('job/nightly-backup'), { waitUntil: 'commit' });
  // A browser that has not painted yet answers with places of a page without its style sheet.
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  await page.waitForSelector('.rail .brand:has-text("peercron")');
  assert.equal(await page.locator('.rail nav').count(), 0);
  const before = await page.locator('.rail .brand').boundingBox();
  begin();
  await page.waitForSelector('.rail nav');
  assert.deepEqual(await page.locator('.rail .brand').boundingBox(), before, 'nothing moves');
  await page.context().close();
});

test('everything is there in Chinese', async () => {
  const page = await browser.open(ui(''), { locale: 'zh-CN' });
  await page.waitForSelector('h2:has-text("运行中")');
  assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh');
  for (const [name, path] of [['now', ''], ['jobs', 'jobs'], ['run', `run/${work.runs.failed}`]]) {
    await page.goto(ui(path));
    await page.waitForSelector('.answer, tbody tr');
    await keepPicture(page, `chinese-${name}`);
  }
  await page.click('text=English');
  await page.waitForSelector('a:has-text("Jobs")');
  await page.reload();
  await page.waitForSelector('a:has-text("Jobs")');
  await page.context().close();
});

test('text of a command is shown, and never anything else', async () => {
  const hostile = '<img src=x onerror="document.title=1"><script>document.title=2</script>\\033]0;title\\007\\u202Eback';
  const id = await node.addJob('<b>bold</b>', { command: `printf '${hostile}\\n'`, remark: '<i>x</i>', tags: ['<u>'] });
  const run = await node.runToEnd(id);
  const page = await browser.open(ui(`run/${run.id}`));
  await page.waitForSelector('.output');
  assert.equal(await page.locator('.output img, .output script, main b b, main i').count(), 0);
  assert.match(await page.textContent('.output'), /<img src=x/);
  await page.waitForFunction(() => document.title.startsWith('Run'));
  await page.goto(ui('jobs?q=bold'));
  await page.waitForSelector('a:has-text("<b>bold</b>")');
  assert.deepEqual(page.complaints, []);
  await page.context().close();
});
