// What one does in the console is done at the node.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { eventually, keepPicture, startConsole } from './harness.mjs';

const { node, ui, withPage } = await startConsole();

/** A test with a page of its own, which must not complain. */
function pageTest(name, path, act) {
  test(name, () => withPage(path, act));
}

const jobNamed = async (name) => (await node.get(`cron/list?name=${encodeURIComponent(name)}`)).list[0];

pageTest('without jobs the page says how to get some', 'jobs', async (page) => {
  await page.waitForSelector('.empty:has-text("crontab -l | peercron import -")');
  await keepPicture(page, 'empty-jobs');
  await page.goto(ui(''));
  await page.waitForSelector('.empty');
});

pageTest('a job is added with the form; what is wrong stands at its field', 'jobs', async (page) => {
  await page.waitForSelector('a:has-text("New job")');
  await page.keyboard.press('n');
  await page.fill('[name=name]', 'from-the-form');
  await page.fill('[name=command]', 'echo made');
  await page.fill('[name=cronSet]', '61 * * * * *');
  await page.click('button[type=submit]');
  const error = page.locator('.field:has([name=cronSet]) .error');
  await error.waitFor();
  assert.match(await error.textContent(), /61/);
  assert.equal(await page.getAttribute('[name=cronSet]', 'aria-invalid'), 'true');
  await keepPicture(page, 'form-error');
  assert.equal(await jobNamed('from-the-form'), undefined);
  await page.fill('[name=cronSet]', '30 2 * * *');
  await page.fill('[name=tags]', 'one, two');
  await page.keyboard.press('Control+Enter');
  await page.waitForURL('**/ui/job/from-the-form');
  const job = await jobNamed('from-the-form');
  assert.deepEqual([job.cron_set, job.command, job.tags], ['30 2 * * *', 'echo made', ['one', 'two']]);
});

pageTest('a job becomes a daemon with the form, which then has the fields of one', 'job/worker', async (page) => {
  const id = await node.addJob('worker', { command: 'sleep 600', retries: 2, timeout: 60 });
  await page.goto(ui('job/worker?view=definition'));
  await page.waitForSelector('[name=cronSet]');
  assert.equal(await page.locator('[name=restart_delay], [name=http_url]').count(), 0);
  await page.selectOption('[name=kind]', 'daemon');
  await page.waitForSelector('.preview p:text-is("Kept alive")');
  assert.equal(await page.locator('[name=cronSet], [name=retries], [name=timeout], [name=http_url]').count(), 0);
  await page.fill('[name=restart_delay]', '7');
  await page.click('button[type=submit]');
  await page.waitForSelector('.tabs');
  const job = await node.get(`cron/${id}`);
  assert.deepEqual([job.kind, job.cron_set, job.retries, job.timeout, job.restart_delay], ['daemon', '', 0, 0, 7]);

  await page.goto(ui('job/worker?view=schedule'));
  await page.waitForSelector('.note:has-text("Up since")');
  await page.waitForSelector('.note:has-text("The delay is 7 s. It doubles, up to 1 m")');
  await node.post(`cron/stop/${id}`);
  await page.waitForSelector('.note:has-text("Down: stopped")');
});

pageTest('a daemon is added with the form', 'new', async (page) => {
  await page.fill('[name=name]', 'new-worker');
  await page.selectOption('[name=kind]', 'daemon');
  await page.fill('[name=command]', 'sleep 600');
  await page.waitForSelector('.preview p:text-is("Kept alive")');
  await page.click('button[type=submit]');
  await page.waitForURL('**/ui/job/new-worker');
  await page.waitForSelector('.answer:has-text("Running")');
});

pageTest('a job is changed with the form, and as TOML; only what was changed', 'job/changed', async (page) => {
  const id = await node.addJob('changed', { retries: 1, remark: 'kept', tags: ['a'] });
  await page.goto(ui('job/changed?view=definition'));
  await page.fill('[name=retries]', '3');
  await page.waitForSelector('.preview .diff:has-text("retries = 3")');
  await page.click('button[type=submit]');
  await page.waitForSelector('.tabs');
  assert.equal((await node.get(`cron/${id}`)).retries, 3);

  await page.goto(ui('job/changed?view=definition&as=toml'));
  await page.fill('#toml', 'retries = maybe');
  await page.waitForSelector('.error:has-text("line 1")');
  await page.fill('#toml', 'tags = ["b", "c"]\ntimeout = 60');
  await page.click('button[type=submit]');
  await page.waitForSelector('.tabs');
  const job = await node.get(`cron/${id}`);
  assert.deepEqual([job.retries, job.timeout, job.remark, job.tags], [3, 60, 'kept', ['b', 'c']]);
});

pageTest('what was before a change is restored from the history', 'job/restored', async (page) => {
  const id = await node.addJob('restored', { command: 'echo first' });
  await node.post('cron/update', { id, command: 'echo second' });
  await page.goto(ui('job/restored?view=history'));
  await page.waitForSelector('.diff:has-text("echo second")');
  await page.click('button:has-text("Restore what was before")');
  await page.waitForSelector('dialog .diff:has-text("echo first")');
  await page.click('dialog button:has-text("Restore")');
  await eventually(async () => assert.equal((await node.get(`cron/${id}`)).command, 'echo first'));
});

pageTest('a job is run now with its inputs', 'job/with-inputs', async (page) => {
  await node.addJob('with-inputs', {
    command: 'echo "$PEERCRON_INPUT_VERSION to $PEERCRON_INPUT_TARGET"',
    inputs: ['VERSION=latest', 'TARGET:staging|production'],
  });
  await page.goto(ui('job/with-inputs'));
  await page.waitForSelector('button:has-text("Run now")');
  await page.keyboard.press('r');
  await page.fill('#ask-VERSION', '2.4 "rc"');
  await page.selectOption('#ask-TARGET', 'production');
  await keepPicture(page, 'run-now');
  await page.click('dialog button:has-text("Run now")');
  await page.waitForURL('**/ui/run/*');
  await page.waitForSelector('.output:has-text(\'2.4 "rc" to production\')');
});

pageTest('a job is stopped and started by key', 'job/stopped-by-key', async (page) => {
  const id = await node.addJob('stopped-by-key', {});
  await page.goto(ui('job/stopped-by-key'));
  await page.waitForSelector('button:has-text("Stop")');
  await page.keyboard.press('s');
  await page.click('dialog button:has-text("Stop")');
  await page.waitForSelector('.answer:has-text("Stopped")');
  assert.equal((await node.get(`cron/${id}`)).stop, true);
  await page.keyboard.press('s');
  await page.click('dialog button:has-text("Start")');
  await page.waitForSelector('button:has-text("Stop")');
  assert.equal((await node.get(`cron/${id}`)).stop, false);
});

pageTest('a job is stopped until a moment that is read as people write it, and started before', 'job/until', async (page) => {
  const id = await node.addJob('until', { time_zone: 'Asia/Tokyo' });
  await page.goto(ui('job/until'));
  await page.waitForSelector('button:has-text("Stop")');
  await page.keyboard.press('s');
  await page.fill('#ask-until', 'the day after');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.field:has(#ask-until) .error:has-text("the day after")');
  await page.fill('#ask-until', 'tomorrow 06:00');
  await page.waitForSelector('.field:has(#ask-until) .help:has-text("06:00:00, in")');
  await page.fill('#ask-reason', 'the disk is full');
  await keepPicture(page, 'stop-until');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.answer:has-text("Paused until"):has-text("the disk is full")');
  const { paused, stop } = await node.get(`cron/${id}`);
  assert.equal(stop, false);
  assert.match(new Date(paused.until).toISOString(), /T21:00:00/, 'six in the morning in the zone of the job');
  await page.keyboard.press('s');
  await page.click('dialog button:has-text("Start")');
  await page.waitForSelector('button:has-text("Stop")');
  assert.equal((await node.get(`cron/${id}`)).paused, null);
});

pageTest('the jobs of a tag are paused, and go on', 'pauses', async (page) => {
  await node.addJob('paused-by-tag', { tags: ['paused-tag'] });
  await page.waitForSelector('.empty:has-text("peercron pause add")');
  await page.keyboard.press('n');
  await page.fill('#ask-tag', 'paused-tag');
  await page.fill('#ask-until', '2h');
  await page.fill('#ask-reason', 'db upgrade');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('tr:has-text("jobs with the tag paused-tag"):has-text("db upgrade")');
  await page.goto(ui('jobs?tag=paused-tag'));
  await page.waitForSelector('tr:has-text("paused-by-tag"):has-text("paused")');
  await page.goto(ui(''));
  await page.waitForSelector('.note:has-text("jobs with the tag paused-tag until")');
  await page.click('.note a:has-text("Pauses")');
  await page.click('tr:has-text("paused-tag") button:has-text("End")');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('.answer:has-text("Nothing is paused")');
  await page.click('.switch a:has-text("All")');
  await page.waitForSelector('tr:has-text("paused-tag"):has-text("ended by")');
  assert.deepEqual(await node.get('pause/list'), []);
});

pageTest('a pause of all jobs stands above every screen', 'nodes', async (page) => {
  await page.waitForSelector('h1');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type('pause jobs');
  await page.waitForSelector('[role=option][aria-selected=true]:has-text("Pause jobs")');
  await page.keyboard.press('Enter');
  await page.click('dialog button[type=submit]');
  try {
    await page.waitForSelector('.banner:has-text("All jobs are paused")');
    await page.click('.banner a:has-text("Pauses")');
    await page.waitForSelector('tr:has-text("all jobs")');
  } finally {
    await node.post('resume');
  }
  await page.waitForFunction(() => !document.querySelector('.banner'));
});

pageTest('fires of the past run again, after it was said which', 'job/backfilled', async (page) => {
  await node.addJob('backfilled', { cronSet: '0 0 * * * *' });
  await page.goto(ui('job/backfilled?view=backfills'));
  await page.fill('#ask-from', 'when it began');
  await page.waitForSelector('.error:has-text("when it began")');
  await page.fill('#ask-from', '3h');
  await page.waitForSelector('.preview:has-text("No fire of that time needs to run")');
  await page.selectOption('#ask-only', 'all');
  const button = page.locator('.preview button');
  const [, count] = /Run (\d+) fires/.exec(await button.textContent());
  assert.equal(await page.locator('.preview ol li').count(), Number(count));
  await keepPicture(page, 'backfill');
  await button.click();
  await page.waitForSelector(`#backfills tr:has-text("done"):has-text("${count} of ${count}")`);
});

pageTest('a backfill is stopped', 'job/backfilled-slowly', async (page) => {
  await node.addJob('backfilled-slowly', { cronSet: '0 0 * * * *', command: 'sleep 300' });
  await page.goto(ui('job/backfilled-slowly?view=backfills'));
  await page.fill('#ask-from', '3h');
  await page.selectOption('#ask-only', 'all');
  await page.click('.preview button');
  await page.click('#backfills tr:has-text("running") button:has-text("Stop")');
  await page.waitForSelector('#backfills tr:has-text("stopped")');
});

pageTest('a run that went well runs again: the same fire', 'runs', async (page) => {
  const run = await node.runToEnd(await node.addJob('again', {}));
  await page.goto(ui(`run/${run.id}`));
  await page.click('button:has-text("Run again")');
  await page.waitForSelector('dialog:has-text("as its attempt 2")');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('.answer:has-text("Succeeded"):has-text("attempt 2")');
  const again = await node.get(`log/${page.url().split('/').at(-1)}`);
  assert.deepEqual([again.scheduled_at, again.attempt], [run.scheduled_at, 2]);
});

pageTest('locks say who has them and who waits; a new limit counts at once', 'access?view=locks', async (page) => {
  await page.waitForSelector('.cmd:has-text("--locks db")');
  const fields = { locks: ['shared'], overlap: 'queue', command: 'sleep 300' };
  const [first, second] = [await node.addJob('lock-holder', fields), await node.addJob('lock-waiter', fields)];
  await node.post(`cron/run/${first}`);
  await page.waitForSelector('tr:has-text("shared"):has-text("1 of 1") td:nth-child(3):has-text("lock-holder")');
  await node.post(`cron/run/${second}`);
  await page.waitForSelector('tr:has-text("shared") td:nth-child(4):has-text("lock-waiter")');
  await page.click('[aria-label="More actions for shared"]');
  await page.click('[role=menuitem]:has-text("Change")');
  await page.fill('#ask-limit', '0');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.field:has(#ask-limit) .error:has-text("1 to 10000")');
  await page.fill('#ask-limit', '2');
  await page.keyboard.press('Enter');
  await page.waitForSelector('tr:has-text("shared"):has-text("2 of 2") td:nth-child(3):has-text("lock-waiter")');
  await page.click('[aria-label="More actions for shared"]');
  await page.click('[role=menuitem]:has-text("Back to 1")');
  await page.click('dialog button[type=submit]');
  await page.waitForSelector('tr:has-text("shared"):has-text("2 of 1")');
});

pageTest('a channel is added, tested, changed and deleted', 'access?view=channels', async (page) => {
  const taken = [];
  const hook = createServer((asked, answer) => {
    taken.push(asked.url);
    asked.resume();
    answer.end('thanks');
  }).listen(0, '127.0.0.1');
  await once(hook, 'listening');
  try {
    await page.waitForSelector('.cmd:has-text("peercron channel add")');
    await page.click('button:has-text("New channel")');
    await page.fill('#ask-name', 'on-call');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.field:has(#ask-url) .error');
    await page.fill('#ask-url', `http://127.0.0.1:${hook.address().port}/first`);
    await page.click('dialog button[type=submit]');
    await page.click('tr:has-text("on-call") button:has-text("Test")');
    await page.waitForSelector('section:has-text("Test of on-call"):has-text("thanks")');
    assert.deepEqual(taken, ['/first']);
    await page.click('[aria-label="More actions for on-call"]');
    await page.click('[role=menuitem]:has-text("Change")');
    await page.uncheck('#ask-every_job');
    await page.fill('#ask-tags', 'web, db');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('tr:has-text("on-call"):has-text("web, db")');
    await page.click('tr:has-text("on-call") button:has-text("Test")');
    await page.waitForSelector('section:has-text("Test of on-call"):has-text("thanks")');
    assert.deepEqual(taken, ['/first', '/first'], 'its address stays, though it is not shown');
    await page.click('[aria-label="More actions for on-call"]');
    await page.click('[role=menuitem]:has-text("Delete")');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.cmd:has-text("peercron channel add")');
  } finally {
    hook.closeAllConnections();
    hook.close();
  }
});

pageTest('a run is killed after a question', 'runs', async (page) => {
  const id = await node.addJob('to-be-killed', { command: 'sleep 300' });
  const run = await node.post(`cron/run/${id}`);
  await page.goto(ui(`run/${run.id}`));
  await page.waitForSelector('.answer:has-text("Running")');
  await page.keyboard.press('k');
  await page.click('dialog button:has-text("Kill")');
  await page.waitForSelector('.answer:has-text("Killed")');
  assert.equal((await node.get(`log/${run.id}`)).state, 'killed');
});

pageTest('a fire that failed is tried again, and given up', 'runs', async (page) => {
  const id = await node.addJob('to-be-retried', { command: 'exit 3', retries: 2, retry_delay: 3000 });
  const run = await node.runToEnd(id);
  await page.goto(ui(`run/${run.id}`));
  await page.waitForSelector('.answer:has-text("retry in")');
  await page.click('button:has-text("Retry now")');
  await page.waitForSelector('.answer:has-text("attempt 2 of 3"):has-text("retry in")');
  await page.click('button:has-text("Give up")');
  await eventually(async () => {
    const { list } = await node.get(`log/list?cron_id=${id}&limit=5`);
    assert.deepEqual(list.map((row) => row.state).sort(), ['failed', 'failed', 'killed']);
  });
});

pageTest('many jobs are stopped at once, after it was said what that touches', 'jobs', async (page) => {
  for (let n = 0; n < 3; ++n) await node.addJob(`bulk-${n}`, { tags: ['bulk'], cronSet: '0 0 3 * * *' });
  await page.goto(ui('jobs?tag=bulk'));
  await page.waitForSelector('tr:has-text("bulk-2")');
  for (const key of ['x', 'j', 'x']) await page.keyboard.press(key);
  await page.waitForSelector('.bulk:has-text("2 jobs selected"):has-text("First fire that will not happen")');
  await keepPicture(page, 'bulk');
  await page.keyboard.press('s');
  await page.waitForSelector('dialog:has-text("2 jobs get no new fires")');
  await page.click('dialog button:has-text("Stop")');
  await page.waitForSelector('.said:has-text("2 jobs stopped")');
  const states = (await node.get('cron/list?tags=bulk&limit=10')).list.map((job) => job.stop);
  assert.deepEqual(states.sort(), [false, true, true]);
  await page.waitForFunction(() => document.querySelectorAll('.bulk').length === 0);
});

pageTest('a job is deleted, with the word that it cannot be undone', 'jobs', async (page) => {
  await node.addJob('to-be-deleted', {});
  await page.goto(ui('job/to-be-deleted'));
  await page.click('button[aria-label="More actions for to-be-deleted"]');
  await page.click('[role=menuitem]:has-text("Delete")');
  await page.waitForSelector('dialog:has-text("cannot be undone")');
  await page.click('dialog button:has-text("Delete")');
  await page.waitForURL('**/ui/jobs');
  assert.equal(await jobNamed('to-be-deleted'), undefined);
});

pageTest('filters are in the address, and survive a reload', 'jobs', async (page) => {
  await page.waitForSelector('tbody tr');
  await page.keyboard.press('/');
  await page.keyboard.type('with-inp');
  await page.waitForURL('**/ui/jobs?q=with-inp');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.reload();
  await page.waitForSelector('tr:has-text("with-inputs")');
  assert.equal(await page.inputValue('#q'), 'with-inp');
  assert.equal(await page.locator('tbody tr').count(), 1);
});

pageTest('rows stay where they are until one asks', 'jobs?sort=name', async (page) => {
  await page.waitForSelector('tbody tr');
  const before = await page.locator('tbody .name').allTextContents();
  await node.addJob('aaa-comes-first', {});
  await page.waitForSelector('button:has-text("Update")');
  assert.deepEqual(await page.locator('tbody .name').allTextContents(), before);
  await page.keyboard.press('u');
  await page.waitForSelector('tr:has-text("aaa-comes-first")');
});

pageTest('the palette finds jobs, pages and actions', '', async (page) => {
  await page.waitForSelector('h1');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type('with-inputs');
  await page.waitForSelector('[role=option][aria-selected=true]:has-text("with-inputs")');
  await keepPicture(page, 'palette');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/ui/job/with-inputs');
  await page.keyboard.press('Control+k');
  await page.waitForSelector('dialog input:focus');
  await page.keyboard.type('nodes');
  await page.waitForSelector('[role=option]:has-text("Nodes")');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog'));
  for (const [keys, path] of [['gn', 'ui/'], ['gj', 'ui/jobs'], ['gr', 'ui/runs'], ['gt', 'ui/timeline'], ['go', 'ui/nodes'], ['ga', 'ui/access']]) {
    for (const key of keys) await page.keyboard.press(key);
    await page.waitForURL(`**/${path}`);
  }
  await page.keyboard.press('?');
  await page.waitForSelector('dialog:has-text("next, previous row")');
});

pageTest('z switches the zone of all times', 'job/zoned?view=schedule', async (page) => {
  await node.addJob('zoned', { cronSet: '0 0 12 * * *', time_zone: 'Asia/Tokyo' });
  await page.goto(ui('job/zoned?view=schedule'));
  await page.waitForSelector('td:has-text("12:00:00")');
  await page.keyboard.press('z');
  await page.waitForSelector('th:has-text("Europe/Berlin")');
  await page.waitForSelector('td:has-text("04:00:00"), td:has-text("05:00:00")');
  await page.keyboard.press('z');
  await page.waitForSelector('.rail:has-text("Times in UTC")');
});

pageTest('the audit is asked for, and says what it found', 'access', async (page) => {
  await page.click('button:has-text("Audit now")');
  await page.waitForSelector('#audit:has-text("Checked at")');
});
