// Calendars: days on which jobs run, or do not.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { answerInstead, eventually, findBarriers, keepPicture, resize, startConsole } from './harness.mjs';

const { node, withPage } = await startConsole();

const row = (name) => `#calendars tbody tr:has(a.name:text-is("${name}"))`;

async function menu(page, name, item) {
  await page.click(`[aria-label="More actions for ${name}"]`);
  await page.click(`[role=menuitem]:has-text("${item}")`);
}

test('a calendar is added, its days are shown while one types, and what is wrong stands at its field', async () => {
  await withPage('access?view=calendars', async (page) => {
    await page.waitForSelector(`${row('workdays')}:has-text("Monday to Friday"):has-text("built in")`);
    await page.waitForSelector('.cmd:has-text("peercron calendar add")');
    await page.click('button:has-text("New calendar")');
    await page.fill('#ask-name', 'freeze');
    await page.fill('#ask-dates', '2099-12-24..2100-01-02, 2099-13-01');
    await page.click('dialog button[type=submit]');
    await page.waitForSelector('.field:has(#ask-dates) .error:has-text("2099-13-01")');
    assert.equal(await page.getAttribute('#ask-dates', 'aria-invalid'), 'true');
    await page.fill('#ask-dates', '2032-12-24..2033-01-02 # the year ends\n2033-05-01');
    await page.waitForSelector('dialog li:has-text("24 Dec 2032 to 2 Jan 2033")');
    await page.waitForSelector('dialog li:has-text("1 May 2033")');
    assert.deepEqual(await findBarriers(page), []);
    await keepPicture(page, 'calendar-new');
    await page.click('dialog button[type=submit]');
    await page.waitForURL('**/ui/access?view=calendars&calendar=freeze');
    await page.waitForSelector('#calendar li:has-text("24 Dec 2032 to 2 Jan 2033"):has-text("10 d, in")');
    await page.waitForSelector(`${row('freeze')}.on:has-text("2032-12-24..2033-01-02, 2033-05-01")`);
  });
});

test('a job takes it, and it says so; a change is kept in its history', async () => {
  const id = await node.addJob('dump', { cronSet: '0 0 2 * * *' });
  await withPage('job/dump?view=definition', async (page) => {
    await page.waitForSelector('.field:has([name=calendar]) .help:has-text("workdays")');
    await page.fill('[name=calendar]', 'nowhere');
    await page.waitForSelector('.field:has([name=calendar]) .error:has-text("nowhere")');
    await page.fill('[name=calendar]', 'workdays, !freeze');
    await page.click('button[type=submit]');
    await page.waitForURL('**/ui/job/dump');
  });
  assert.deepEqual((await node.get(`cron/${id}`)).calendar, ['workdays', '!freeze']);
  await withPage('access?view=calendars&calendar=freeze', async (page) => {
    await page.waitForSelector('#calendar li:has-text("dump"):has-text("does not run then")');
    await menu(page, 'freeze', 'Change');
    await page.waitForSelector('dialog:has-text("1 job uses it")');
    await page.waitForSelector('dialog li:has-text("24 Dec 2032 to 2 Jan 2033")'); // nothing was changed yet
    await page.fill('#ask-remark', 'nothing is released');
    const sent = page.waitForRequest((request) => request.url().endsWith('/calendar/set') && !request.postDataJSON().dry_run);
    await page.click('dialog button[type=submit]');
    assert.deepEqual((await sent).postDataJSON(), { name: 'freeze', remark: 'nothing is released' }, 'only what was changed');
    await page.waitForSelector('#calendar .note:has-text("nothing is released")');
    await eventually(async () => assert.equal(await page.locator('#calendar tbody tr').count(), 2));
    for (const width of [1440, 1024, 390]) {
      await resize(page, width);
      assert.deepEqual(await findBarriers(page), []);
      await keepPicture(page, `calendar-${width}`);
    }
  });
});

test('a calendar that cannot be read for a change says why', async () => {
  await withPage('access?view=calendars', async (page) => {
    await page.waitForSelector(row('freeze'));
    await answerInstead(page, 'calendar/show', { code: 404, message: 'there is no calendar freeze' });
    await menu(page, 'freeze', 'Change');
    await page.waitForSelector('.said:has-text("there is no calendar freeze")');
    assert.equal(await page.locator('dialog').count(), 0);
  });
});

test('a calendar that jobs use is not deleted; else it is', async () => {
  await withPage('access?view=calendars', async (page) => {
    await menu(page, 'freeze', 'Delete');
    await page.click('dialog button:has-text("Delete")');
    await page.waitForSelector('dialog .error:has-text("dump")');
    await page.keyboard.press('Escape');
    const { id } = (await node.get('cron/list?name=dump')).list[0];
    await node.post('cron/update', { id, calendar: [] });
    await menu(page, 'freeze', 'Delete');
    await page.click('dialog button:has-text("Delete")');
    await page.waitForSelector('dialog', { state: 'detached' });
    await eventually(async () => assert.equal(await page.locator(row('freeze')).count(), 0));
    await page.click('text=中文');
    await page.waitForSelector('.tabs a:has-text("日历")');
    await page.waitForSelector(`${row('weekends')}:has-text("周六和周日")`);
  });
  assert.deepEqual((await node.get('calendar/list')).map((one) => one.name), ['weekends', 'workdays']);
});
