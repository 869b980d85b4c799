// When something is wrong, the page says what, and what still works.
import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';

import { answerInstead, Browser, call, eventually, fillWithWork, findBarriers, keepPicture, Node } from './harness.mjs';

let browser;

before(async () => {
  browser = await Browser.start();
});
after(() => browser?.stop());

async function withNode(configuration, act) {
  const node = await Node.start(configuration);
  try {
    await act(node);
  } finally {
    await node.stop();
  }
}

/** In front of the node: below a path of its own, and with answers changed. */
async function withProxy(node, change, act) {
  const server = createServer((asked, answer) => {
    const path = asked.url.replace(/^\/cron-at-home/, '');
    const refused = change?.(asked.method, path);
    if (refused) {
      answer.writeHead(refused.code, { 'Content-Type': 'application/json' });
      answer.end(JSON.stringify({ code: refused.code, data: null, message: refused.message }));
      return;
    }
    const forwarded = request({ port: node.port, method: asked.method, path, headers: asked.headers }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    forwarded.on('error', () => answer.destroy());
    answer.on('close', () => forwarded.destroy());
    asked.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await act(`http://127.0.0.1:${server.address().port}/cron-at-home/`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('a node that stops is said to be away, and what was read stays', async () => {
  await withNode('', async (node) => {
    await node.addJob('still-there', { cronSet: '0 0 3 * * *' });
    const page = await browser.open(new URL('ui/jobs', node.address));
    await page.waitForSelector('tr:has-text("still-there")');
    await node.halt();
    await page.waitForSelector('.banner:has-text("does not answer")');
    assert.ok(await page.isVisible('tr:has-text("still-there")'));
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'node-away');
    await node.resume();
    await page.waitForFunction(() => !document.querySelector('.banner'));
    await page.context().close();
  });
});

const tokens = ['read', 'operate', 'admin']
  .map((role) => `[[http.tokens]]\nname = "${role}er"\ntoken = "${role}-secret-of-the-test"\nrole = "${role}"\n`)
  .join('\n');

test('a token lets one in, is kept by the tab alone, and decides what is offered', async () => {
  await withNode(tokens, async (node) => {
    const page = await browser.open(new URL('ui/jobs', node.address));
    await page.waitForSelector('h1:has-text("Sign in")');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'sign-in');
    await page.fill('#token', 'wrong');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.error:has-text("does not know this token")');
    await page.fill('#token', 'read-secret-of-the-test');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.rail:has-text("Signed in as reader")');
    assert.equal(await page.locator('a:has-text("New job")').count(), 0);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.doesNotMatch(kept, /secret/);
    await page.click('button:has-text("Sign out")');
    await page.waitForSelector('h1:has-text("Sign in")');
    await page.fill('#token', 'admin-secret-of-the-test');
    await page.keyboard.press('Enter');
    await page.waitForSelector('a:has-text("New job")');
    await page.reload();
    await page.waitForSelector('h1:has-text("Sign in")');
    await page.context().close();
  });
});

test('a name and a password begin a session, which a reload keeps and no script can read', async () => {
  await withNode('', async (node) => {
    await call(node.address, 'account/add', { name: 'ada', password: 'correct horse battery', role: 'owner' });
    const page = await browser.open(new URL('ui/jobs', node.address));
    await page.waitForSelector('h1:has-text("Sign in")');
    await page.fill('#name', 'ada');
    await page.fill('#password', 'wrong password');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.error:has-text("no account of this name")');
    await page.fill('#password', 'correct horse battery');
    await page.keyboard.press('Enter');
    await page.waitForSelector('.rail:has-text("Signed in as ada")');
    assert.equal(await page.evaluate(() => document.cookie), '');
    await page.reload();
    await page.waitForSelector('.rail:has-text("Signed in as ada")');
    await page.click('button:has-text("Sign out")');
    await page.waitForSelector('h1:has-text("Sign in")');
    await page.reload();
    await page.waitForSelector('h1:has-text("Sign in")');
    await page.context().close();
  });
});

/** Calls that came after the console's first version. */
const newer = /^\/(overview|events|forecast|access|badge)|^\/cron\/(preview|bulk)|^\/log\/histogram|\/(why|stats|diff|output|if-stopped)(\?|$)/;

test('below a path of a proxy, and with a node that lacks the newer calls, all screens still show what there is', async () => {
  await withNode('', async (node) => {
    const work = await fillWithWork(node);
    const isOld = (method, path) =>
      newer.test(path) ? { code: 404, message: `there is no path "${path}"; /openapi.json lists all paths` } : undefined;
    await withProxy(node, isOld, async (address) => {
      const page = await browser.open(new URL('ui/', address));
      await page.waitForSelector('.answer:has-text("failing")');
      await keepPicture(page, 'older-now');
      await page.click('nav a:has-text("Jobs")');
      await page.waitForSelector('tr:has-text("nightly-backup")');
      await page.click('a:has-text("nightly-backup")');
      await page.waitForSelector('td:has-text("exit code 2")');
      for (const [path, there] of [
        ['job/nightly-backup?view=schedule', 'td:has-text("02:30:00")'],
        ['job/nightly-backup?view=why', '.note:has-text("does not know this")'],
        ['job/nightly-backup?view=definition', '[name=cronSet]'],
        [`run/${work.runs.failed}`, '.output'],
        [`run/${work.runs.running}`, '.note:has-text("when the run has ended")'],
        ['runs', 'tbody tr'],
        ['timeline', '.note:has-text("does not know this")'],
        ['nodes', 'tbody tr'],
        ['access', 'h2:has-text("Audit")'],
      ]) {
        await page.goto(new URL(`ui/${path}`, address).href);
        await page.waitForSelector(there);
      }
      assert.deepEqual(page.complaints, []);
      await page.context().close();
    });
  });
});

test('what the node says of the database and the clock stands on every page', async () => {
  await withNode('', async (node) => {
    const health = await node.get('health');
    const nodes = await node.get('node/list');
    const page = await browser.open('about:blank');
    await answerInstead(page, 'health', { ...health, store: 'away', journal: 'failing', clock: 'ahead of the database by 340 ms', dispatcher: '' });
    await answerInstead(page, 'node/list', { ...nodes, store_away_since: Date.now() - 3 * 3_600_000 - 60_000, store_trouble: 'connection refused' });
    await page.goto(new URL('ui/', node.address).href);
    for (const said of ['database has been away for 3 h', 'No node dispatches', 'journal of', 'The clock of']) {
      await page.waitForSelector(`.banner:has-text("${said}")`);
    }
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'now-wrong');
    await page.context().close();
  });
});

const day = 86_400_000;

test('a certificate that expires is announced two weeks before, and said to be a fault afterwards', async () => {
  await withNode('', async (node) => {
    const health = await node.get('health');
    const page = await browser.open('about:blank');
    let left = 3.5 * day;
    await answerInstead(page, 'health', () => ({ ...health, certificate_expires_at: Date.now() + left }));
    await page.goto(new URL('ui/jobs', node.address).href);
    await page.waitForSelector('.banner.warn[role=status]:has-text("expires in 3 d"):has-text("SIGHUP")');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'certificate-expires');
    left = -day;
    await page.waitForSelector('.banner:not(.warn)[role=alert]:has-text("has expired")');
    left = 15 * day;
    await page.waitForFunction(() => !document.querySelector('.banner'));
    await page.context().close();
  });
});

const clean = { clean: true, from: 0, to: 0, due: 4711, missing: 0, extra: 0, doubled: 0, late: 0, never_ended: 0, missed: 0, clock_ahead: 0 };

test('what the audit of the past day has found stands above the first screen, and leads to the findings', async () => {
  await withNode('', async (node) => {
    const id = await node.addJob('audited', {});
    const finding = { kind: 'missing', cron_id: id, scheduled_at: Date.now() - 3_600_000, until: null, fires: 2, attempt: 1, state: null, started_at: null, what: 'no row' };
    const open = async (totals, findings = []) => {
      const page = await browser.open('about:blank');
      await answerInstead(page, 'audit', { totals: { ...clean, clean: false, ...totals }, findings });
      const asked = page.waitForResponse((response) => new URL(response.url()).pathname === '/audit');
      await page.goto(new URL('ui/', node.address).href);
      const range = new URL((await asked).url()).searchParams;
      assert.equal(range.get('to') - range.get('from'), day / 1000);
      return page;
    };
    const page = await open({ missing: 2, late: 1, missed: 3, late_p99: 6 }, [finding]);
    await page.waitForSelector('.banner.warn:has-text("The audit of the past 24 hours found something: 2 missing, 1 late, 3 missed")');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'now-audit');
    await page.click('text=中文');
    await page.waitForSelector('.banner:has-text("缺失 2，延迟 1，错过 3")');
    await page.click('text=English');
    await page.click('.banner a:has-text("Findings")');
    await page.waitForURL('**/ui/access?view=audit');
    await page.waitForSelector('#audit p:has-text("3 missed; lateness p99 6 ms.")');
    await page.waitForSelector('#audit:has-text("4,711 fires were due; 2 missing") tr:has-text("audited"):has-text("no row")');
    assert.equal(await page.locator('.banner').count(), 0, 'it is the first screen that has it');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
    // Fires that were missed are said one by one there, and nothing is no news.
    for (const totals of [{ missed: 3 }, { clean: true }]) {
      const quiet = await open(totals);
      await quiet.waitForSelector('h1:has-text("Now")');
      await quiet.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
      assert.equal(await quiet.locator('.banner').count(), 0);
      await quiet.context().close();
    }
  });
});

test('a fire that was missed while no node ran stands on the first page, and may be run now', async () => {
  await withNode('[dispatch]\nmisfire_window = "1s"\n', async (node) => {
    const due = Math.floor(Date.now() / 1000) + 4;
    await node.addJob('nightly-backup', { cronSet: '* * * * * *', start_time: due, end_time: due + 1 });
    await node.halt();
    await eventually(() => assert.ok(Date.now() > (due + 4) * 1000));
    await node.resume();
    const page = await browser.open(new URL('ui/', node.address));
    await page.waitForSelector('.answer:has-text("One fire was missed.")');
    const row = 'tbody tr.alarm:has-text("nightly-backup"):has-text("missed")';
    await page.waitForSelector(`${row} button:has-text("Run now")`);
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'now-missed');
    await page.click(`${row} .say a`);
    await page.waitForSelector('.answer:has-text("misfire window"), .facts:has-text("misfire")');
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });
});

test('a page that is not there, a job that was deleted and a run that never was say so', async () => {
  await withNode('', async (node) => {
    const page = await browser.open(new URL('ui/job/nobody', node.address));
    await page.waitForSelector('.note:has-text("there is no job with the name")');
    await page.goto(new URL('ui/run/4711', node.address).href);
    await page.waitForSelector('.note:has-text("there is no row with the id")');
    await page.context().close();
  });
});
