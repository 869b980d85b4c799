// What the node knows of the past and of what comes, as the page shows it.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { test } from 'node:test';

import { answerInstead, eventually, findBarriers, keepPicture, startConsole } from './harness.mjs';

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
    const [known] = (await node.get('cron/list?name=works&limit=1')).list;
    await page.waitForSelector(`tr:has-text("works"):has-text("${known.schedule_in_words}"):has-text("${known.zone}")`);
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
    await eventually(async () => assert.equal(await page.locator('main tbody tr').count(), 1));
    await page.waitForSelector('tbody tr:has-text("tagged")');
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

test('the forecasts of tags are kept, and read again when a job has changed', async () => {
  const id = await node.addJob('foreseen', { tags: ['foreseen'] });
  await withPage('timeline?by=tag', async (page) => {
    let asked = 0;
    page.on('request', (request) => {
      const { pathname, searchParams } = new URL(request.url());
      if (pathname === '/forecast' && searchParams.get('tag') === 'foreseen') ++asked;
    });
    const look = async () => {
      await page.click('a:has-text("By node")');
      await page.waitForSelector('.label:text-is("All nodes")');
      await page.click('a:has-text("By tag")');
      await page.waitForSelector('.label:text-is("foreseen")');
    };
    await page.waitForSelector('.label:text-is("foreseen")');
    await eventually(async () => {
      const before = asked;
      await look();
      assert.equal(asked, before); // unless a cell of ten minutes has just ended
    });
    const before = asked;
    await node.post('cron/update', { id, remark: 'changed' });
    await eventually(async () => {
      await look();
      assert.ok(asked > before);
    });
  });
});

test('a tag with more runs than the node counts says so', async () => {
  await node.addJob('busy', { tags: ['busy'] });
  await node.addJob('calm', { tags: ['calm'] });
  await withPage('timeline', async (page) => {
    const isOfTag = (url) => url.pathname === '/log/histogram' && url.searchParams.get('tag') === 'busy';
    await answerInstead(page, isOfTag, { code: 400, message: 'to: given a range with more than 100,000 runs of the tag' });
    await page.click('a:has-text("By tag")');
    await page.waitForSelector('.label:text-is("busy") ~ .value:has-text("too many runs")');
    assert.equal(await page.locator('.value:has-text("too many runs")').count(), 1, 'the others are counted');
    await page.waitForSelector('.label:text-is("calm") ~ .value:text-is("1 job")');
  });
});

test('the timeline of an earlier day says how many jobs there are', async () => {
  await node.addJob('first-of-all', {});
  await node.addJob('second-of-all', {});
  const { total } = await node.get('cron/list?limit=1');
  await withPage('timeline?by=tag&back=2', async (page) => {
    await page.waitForSelector(`.label:text-is("All jobs") ~ .value:text-is("${total} jobs")`);
    assert.equal(await page.locator('.value:text-is("0 jobs")').count(), 0);
  });
});

test('fires that a calendar or a pause excludes stand in their cells, those to come and those of one row', async () => {
  const day = (away) => new Date(Date.now() + away * 86_400_000).toISOString().slice(0, 10);
  await node.post('calendar/add', { name: 'freeze', dates: `${day(-2)}..${day(30)}` });
  await node.addJob('frozen', { tags: ['frozen'], cronSet: '0 * * * * *', calendar: ['!freeze'] });
  await withPage('timeline?by=tag', async (page) => {
    const line = page.locator('.heat svg[aria-label^="Fires of frozen:"]');
    await line.waitFor();
    const click = async (part) => {
      const { width, height } = await line.boundingBox();
      await line.click({ position: { x: part * width, y: height / 2 } });
    };
    await click(0.75); // six hours ahead
    await page.waitForSelector('section:has-text("frozen,") tbody tr:has-text("frozen"):has-text("skipped: calendar"):has-text("freeze")');
    const began = Date.now() - 10 * 3_600_000;
    const { list } = await node.get('log/list?limit=1');
    const row = { ...list[0], id: 4711, name: 'frozen', state: 'skipped', cause: 'calendar', reason: 'calendar: in freeze',
      started_at: null, run_server: '', scheduled_at: began, gap_end: Date.now() - 2 * 3_600_000, fires: 480 };
    await answerInstead(page, (url) => url.pathname === '/log/list' && url.searchParams.get('state') === 'skipped', { list: [row], total: 1 });
    await click(0.25); // six hours ago
    await page.waitForSelector('section:has-text("frozen,") tbody tr:has-text("skipped: calendar in freeze, 480 fires"):has(a[href$="run/4711"])');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'timeline-excluded');
    await click(0.45); // after its end
    await page.waitForSelector('section:has-text("frozen,") .note:has-text("No fires")');
  });
});

/** The page of a run, with other facts in its row and in what is known of the job. */
async function withRun(run, statistics, act) {
  const usual = await node.get(`cron/${run.cron_id}/stats`);
  await withPage('jobs', async (page) => {
    await answerInstead(page, `log/${run.id}`, run);
    await answerInstead(page, `cron/${run.cron_id}/stats`, { ...usual, ...statistics });
    await page.goto(ui(`run/${run.id}`));
    await act(page);
  });
}

test('what is unusual about a run is said, each in a sentence with what is usual', async () => {
  const { id } = await node.runToEnd(await node.addJob('odd', {}));
  const row = await node.get(`log/${id}`);
  const due = row.scheduled_at;
  const odd = { ...row, requested_by: '', retry_at: null, started_at: due + 4_000, use_time: 200_000, max_rss: 512 * 1024 * 1024,
    output_bytes: 0, unusual: ['slow', 'more-memory', 'silent'] };
  const usual = { runs: 100, usual_time: 60_000, usual_p95: 90_000, late_p99: 5, usual_memory: 64 * 1024 * 1024, usual_output: 2048 };
  await withRun(odd, usual, async (page) => {
    const list = page.locator('section:has(h2:text-is("Unusual")) li');
    await list.first().waitFor();
    assert.deepEqual(await list.allTextContents(), [
      'Took 3 m 20 s; usually 1 m, seldom more than 1 m 30 s',
      'Started 4 s late; usually at most 5 ms',
      'Used 512 MiB of memory; usually 64 MiB',
      'Wrote 0 B; usually 2 KiB',
    ]);
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'run-unusual');
    await page.click('text=中文');
    await page.waitForSelector('h2:text-is("异常之处")');
    assert.equal(await list.count(), 0);
  });
  await withRun({ ...odd, started_at: due, unusual: ['fast'] }, { ...usual, usual_p95: null }, async (page) => {
    await page.waitForSelector('section:has(h2:text-is("Unusual")) li:text-is("Took 3 m 20 s; usually 1 m")');
  });
});

test('the goal for lateness stands at the job and at a run that has missed it', async () => {
  const job = await node.addJob('punctual', { late_goal: 50 });
  const first = await node.runToEnd(job);
  await node.runToEnd(job);
  await withPage('job/punctual', async (page) => {
    await page.waitForSelector('.note:has-text("Its goal is to start within 50 ms")');
  });
  await withPage('jobs', async (page) => {
    const usual = await node.get(`cron/${job}/stats`);
    await answerInstead(page, `cron/${job}/stats`, { ...usual, goal_fires: 2_592_000, goal_met: 2_591_533, goal_percent: 99.981 });
    const rows = await node.get(`log/list?cron_id=${job}`);
    const late = rows.list.map((run) => ({ ...run, requested_by: '', retry_at: null, started_at: run.scheduled_at + 200 }));
    await answerInstead(page, (url) => url.pathname === '/log/list', { ...rows, list: late });
    await page.goto(ui('job/punctual'));
    await page.waitForSelector('.note:has-text("99.981 % of 2,592,000 fires in 30 days started within 50 ms")');
    await page.waitForSelector('.day path.goal', { state: 'attached' });
    await page.waitForSelector('.day .value:has-text("goal 50 ms")');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'job-goal');
  });
  await withPage('nodes', async (page) => {
    const jobs = await node.get('cron/list?name=punctual');
    const shown = jobs.list.map((one) => ({ ...one, goal_fires: 1000, goal_met: 997, goal_percent: 99.7 }));
    await answerInstead(page, (url) => url.pathname === '/cron/list', { list: shown, total: 1 });
    await page.goto(ui('jobs'));
    await page.waitForSelector('table.jobs tr:has-text("punctual") td:has-text("99.7 % in goal")');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'jobs-goal');
  });
  const row = await node.get(`log/${first.id}`);
  const started = (late) => ({ ...row, requested_by: '', retry_at: null, started_at: row.scheduled_at + late });
  await withRun(started(80), {}, (page) => page.waitForSelector('.stages li:has-text("80 ms late, goal 50 ms")'));
  await withRun(started(20), {}, async (page) => {
    await page.waitForSelector('.stages li:has-text("20 ms late")');
    assert.equal(await page.locator('.stages:has-text("goal")').count(), 0);
  });
});

test('the first page says how long runs take against what is usual, what comes, and who dispatched', async () => {
  const id = await node.addJob('reindex', { command: 'sleep 300' });
  await node.post(`cron/run/${id}`);
  const seen = await eventually(async () => {
    const overview = await node.get('overview');
    assert.ok(overview.running.some((run) => run.cron_id === id));
    return overview;
  });
  const minutes = (n) => n * 60_000;
  const running = seen.running.filter((run) => run.cron_id === id);
  Object.assign(running[0], { started_at: seen.at - minutes(4), usual_time: minutes(1), usual_p95: minutes(1.2), slow: true });
  const jobs = { ...seen.jobs, running: 1 };
  const next = [{ cron_id: id, name: 'reindex', at: seen.at + minutes(10.4), usual_time: minutes(1) }];
  const terms = [3, 2, 1].map((epoch) => ({ at: seen.at - minutes(60 * (4 - epoch)), node: `node-${epoch}`, epoch }));
  await withPage('jobs', async (page) => {
    await answerInstead(page, 'overview', { ...seen, jobs, running, next, next_total: 95, dispatchers: terms });
    await page.goto(ui(''));
    const row = page.locator('section:has(h2:text-is("Running")) tbody tr:has-text("reindex")');
    await row.waitFor();
    assert.match(await row.textContent(), /4 m.*, slow/);
    assert.match(await row.textContent(), /3 m over/);
    assert.match(await row.locator('svg.gauge').getAttribute('aria-label'), /^4 m.* of usually 1 m/);
    await page.waitForSelector('section:has(h2:text-is("Next hour")):has-text("95 fires") tr:has-text("reindex"):has-text("in 10 m")');
    assert.match(await page.getAttribute('.day svg:has(path.tick)', 'aria-label'), /^3 changes of dispatcher/);
  });
  await node.post(`cron/stop/${id}`);
});

test('a schedule says what is worth knowing of it, and which other jobs fire in that second', async () => {
  const berlin = { cronSet: '0 30 2 * * *', time_zone: 'Europe/Berlin' };
  await node.addJob('when-clocks-change', berlin);
  await node.addJob('in-the-same-second', berlin);
  await withPage('job/when-clocks-change?view=schedule', async (page) => {
    await page.waitForSelector('section:has(h2:text-is("Next fires")) tbody tr');
    assert.equal(await page.locator('section:has(h2:text-is("Next fires")) tbody tr').count(), 20);
    const { notes } = await node.post('cron/preview', berlin);
    assert.ok(notes.length > 0, 'Europe changes its clocks at that hour');
    const shown = page.locator('section:has(h2:text-is("Worth knowing"))');
    for (const note of notes) assert.ok((await shown.textContent()).toLowerCase().includes(note.toLowerCase()), note);
    await page.waitForSelector('section:has(h2:has-text("Other jobs at 02:30:00")) a:has-text("in-the-same-second")');
  });
});

test('a free slot is found for a job that is to come; what cannot be read is said at its field', async () => {
  await withPage('timeline', async (page) => {
    await page.waitForSelector('section:has(h2:has-text("free slot")) tbody tr');
    await page.fill('#duration', '45m');
    await page.keyboard.press('Tab');
    await page.waitForURL('**/ui/timeline?duration=45m');
    await eventually(async () => {
      const slot = (await page.textContent('table.spaced td.time')).trim().split('–').map((text) => text.split(':').map(Number));
      const minutes = 60 * (slot[1][0] - slot[0][0]) + slot[1][1] - slot[0][1];
      assert.equal((minutes + 1440) % 1440, 45);
    });
    await page.fill('#between', 'noon');
    await page.keyboard.press('Tab');
    await page.waitForSelector('.field:has(#between[aria-invalid=true]) .error');
  });
});

test('the ledger is paged by the node, and page and filters survive a reload', async () => {
  const id = await node.addJob('has-a-long-past', { spread: 'shards', shards: 60 });
  await node.runToEnd(id);
  await eventually(async () => assert.equal((await node.get(`log/list?cron_id=${id}&state=success&limit=1`)).total, 60));
  await withPage('runs?job=has-a-long-past', async (page) => {
    const rows = (n) => page.waitForFunction((count) => document.querySelectorAll('main tbody tr').length === count, n);
    await rows(50);
    await page.click('.pages a:has-text("Older")');
    await page.waitForURL('**/ui/runs?job=has-a-long-past&page=2');
    await rows(10);
    await page.reload();
    await rows(10);
    assert.equal(await page.inputValue('#job'), 'has-a-long-past');
    await page.selectOption('#node', { index: 1 });
    await page.waitForURL((url) => url.searchParams.get('node') && !url.searchParams.has('page'));
    await rows(50);
  });
});

test('the nodes say how they are, and what would happen if one stopped', async () => {
  const { nodes } = await node.get('node/list');
  const { answer } = await node.get(`node/${encodeURIComponent(nodes[0].name)}/if-stopped`);
  await withPage('nodes', async (page) => {
    await page.waitForSelector(`tbody tr:has-text("${nodes[0].name}"):has-text("${nodes[0].version}"):has-text("dispatcher")`);
    const what = page.locator('section:has(h2:has-text("if a node stopped")) p').first();
    await what.waitFor();
    assert.equal((await what.textContent()).slice(0, 20), answer.slice(0, 20));
    const facts = await page.textContent('section:has(h2:has-text("Store and election")) .facts');
    for (const fact of ['Databaseanswers', 'Journal', 'Clockagrees']) assert.ok(facts.includes(fact), facts);
  });
});

test('a rehearsal is asked for, says that it is one, and counts for nothing', async () => {
  const id = await node.addJob('rehearsed', { command: 'echo "$PEERCRON_REHEARSAL $PEERCRON_INPUT_DAY"; exit 4', inputs: ['DAY=today'] });
  await withPage('job/rehearsed', async (page) => {
    await page.waitForSelector('.answer:has-text("Has not run yet")');
    await page.keyboard.press('r');
    await page.fill('#ask-DAY', 'Friday');
    await page.check('dialog .field:has-text("PEERCRON_REHEARSAL=1") input[type=checkbox]');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'ask-rehearsal');
    await page.click('dialog button[type=submit]');
    await page.waitForURL('**/ui/run/*');
    await page.waitForSelector('.answer:has-text("Failed")');
    await page.waitForSelector('.head .tag:text-is("rehearsal")');
    await page.waitForSelector('.head button:has-text("Run now")');
    assert.equal(await page.locator('.head button:has-text("Run again")').count(), 0, 'the node would refuse it');
    await page.waitForSelector('.output:has-text("1 Friday")');
    const facts = page.locator('.facts');
    assert.match(await facts.textContent(), /InputsDAY=Friday/);
    assert.match(await facts.textContent(), /RehearsalIt counts nowhere/);
    assert.match(await facts.textContent(), /rehearsal; by hand: /);
    assert.doesNotMatch(await facts.textContent(), /[{}]/, 'no JSON');
    await keepPicture(page, 'run-rehearsal');
    await page.goto(ui('job/rehearsed'));
    await page.waitForSelector('tbody tr:has-text("rehearsal; by hand")');
    await page.waitForSelector('.answer:has-text("Has not run yet")');
  });
  assert.equal((await node.get(`cron/${id}`)).last_state, null);
});

test('what fails says when it is tried again, and counts', async () => {
  const id = await node.addJob('tried-again', { command: 'exit 4', retries: 2, retry_delay: 600 });
  await node.runToEnd(id);
  await withPage('', async (page) => {
    const row = page.locator('tbody tr.alarm:has-text("tried-again")');
    await page.waitForSelector('tbody tr.alarm:has-text("tried-again"):has-text("retry in ")');
    assert.match(await row.textContent(), /exit code 4 on .*; retry in \d+ m/);
  });
  // Whatever else waits: fires that are planned later have newer rows.
  const waits = { command: 'true', cronSet: '* * * * * *', jitter: 86_400, spread: 'shards', shards: 100 };
  const crowd = await node.addJob('waits-for-its-jitter', waits);
  await eventually(async () => assert.ok((await node.get('log/list?state=planned&limit=1')).total > 300));
  await withPage('', (page) => page.waitForSelector('tbody tr.alarm:has-text("tried-again"):has-text("retry in ")'));
  await node.post(`cron/delete/${crowd}`);
  const { list } = await node.get(`log/list?cron_id=${id}&state=planned`);
  await withPage('jobs', async (page) => {
    await answerInstead(page, `log/${list[0].id}`, { ...list[0], retry_at: Date.now() + 50_000 });
    await page.goto(ui(`run/${list[0].id}`));
    const read = async () => Number(/in (\d+) s/.exec(await page.textContent('.answer'))?.[1]);
    await page.waitForSelector('.answer:has-text(" s")');
    const first = await read();
    await page.waitForFunction((before) => Number(/in (\d+) s/.exec(document.querySelector('.answer').textContent)?.[1]) < before, first);
  });
});
