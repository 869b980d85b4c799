// What the console costs in a real Chromium, for bench/console.py: console.mjs OPTIONS, which are JSON, as the answer is.
import { Browser, eventually } from '../tests/console/harness.mjs';

const options = JSON.parse(process.argv[2]);
const ui = (path) => new URL(`ui/${path}`, options.address).href;

/** Each screen by visitors with empty caches: first paint, when it is whole, and its calls, in milliseconds. */
async function screens(browser) {
  const found = [];
  for (const { name, path, whole } of options.screens) {
    for (let round = 0; round < options.rounds; ++round) {
      const page = await browser.open(ui(path));
      await page.waitForSelector(whole);
      found.push({
        name,
        ...(await page.evaluate(() => ({
          whole: performance.now(),
          paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
          calls: performance
            .getEntriesByType('resource')
            .filter((entry) => entry.initiatorType === 'fetch' && entry.responseEnd > 0 && !entry.name.endsWith('/events'))
            .map((entry) => ({
              path: new URL(entry.name).pathname.replace(/\d+/g, 'N'),
              url: new URL(entry.name).pathname + new URL(entry.name).search,
              took: entry.responseEnd - entry.requestStart,
            })),
        }))),
      });
      await page.context().close();
    }
  }
  return found;
}

/** Counts what a tab is told, until `gone`. */
async function countEvents(gone) {
  let events = 0;
  try {
    const answer = await fetch(new URL('events', options.address), { signal: gone });
    const decoder = new TextDecoder();
    for await (const part of answer.body) events += decoder.decode(part, { stream: true }).split('event:').length - 1;
  } catch {
    // It is over.
  }
  return events;
}

async function metrics(session) {
  const { metrics: all } = await session.send('Performance.getMetrics');
  return Object.fromEntries(all.map(({ name, value }) => [name, value]));
}

/** Memory after a collection, and how much of a core the main thread has had, in seconds, before and after that. */
async function sample(session) {
  const before = await metrics(session);
  await session.send('HeapProfiler.collectGarbage');
  const after = await metrics(session);
  return { at: Date.now(), heap: after.JSHeapUsedSize, nodes: after.Nodes, before: before.ThreadTime, after: after.ThreadTime };
}

/** A tab that stays open while things happen. */
async function tab(browser) {
  const page = await browser.open(ui(options.path));
  await page.waitForSelector(options.whole);
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  const gone = new AbortController();
  const events = countEvents(gone.signal);
  const samples = [await sample(session)];
  const end = Date.now() + options.seconds * 1000;
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(2000, (options.seconds * 1000) / 60)));
    samples.push(await sample(session));
  }
  gone.abort();
  return { samples, events: await events };
}

/** A run with much output, while it runs and when it has ended. */
async function output(browser) {
  const page = await browser.open(ui(`run/${options.run}`));
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  await page.waitForSelector('.output');
  const live = await page.evaluate(() => performance.now());
  await eventually(async () => {
    const text = await page.textContent('.answer');
    if (!text.includes('Succeeded')) throw new Error(text);
  }, 600);
  const ended = await sample(session);
  await page.goto(ui(`run/${options.run}`));
  await page.waitForSelector('.output');
  const opened = await page.evaluate(() => performance.now());
  return { live, opened, heap: ended.heap, nodes: ended.nodes };
}

const browser = await Browser.start();
try {
  const measured = await { screens, tab, output }[options.what](browser);
  console.log(JSON.stringify(measured));
} finally {
  await browser.stop();
}
