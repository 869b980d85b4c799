import { signal } from '@preact/signals';

/** Where in the console one is; every state that somebody may want to keep is in the address. */
export interface Route {
  screen: string; // the first segment: "", "jobs", "job", …
  name: string; // the second one, decoded
  query: URLSearchParams;
}

/** The folder of the page, whatever path a proxy has put it below: it is the script's own. */
const base = new URL('.', import.meta.url).pathname;

/** Where the calls of the API are. */
export const apiBase = new URL('..', import.meta.url).href;

export const route = signal(readRoute());

function readRoute(): Route {
  const [screen = '', name = ''] = location.pathname.slice(base.length).split('/');
  return { screen, name: decodeURIComponent(name), query: new URLSearchParams(location.search) };
}

const wanted = 'peercron.wanted';

type Query = Record<string, string | number | undefined>;

function withQuery(path: string, query: Query): string {
  const text = Object.entries(query)
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value!)}`)
    .join('&');
  return text === '' ? path : `${path}?${text}`;
}

/** The address of a screen: href('jobs', { state: 'failing' }). */
export function href(screen: string, query: Query = {}): string {
  return withQuery(base + screen, query);
}

/** The address of a job; by its id where it has no name, or one that proxies take for two segments. */
export function jobHref(job: { id: number; name: string }, query: Query = {}): string {
  const key = job.name === '' || /[/\\]|^\.+$/.test(job.name) ? String(job.id) : job.name;
  return href(`job/${encodeURIComponent(key)}`, query);
}

export function runHref(id: number): string {
  return href(`run/${id}`);
}

/** This screen with other values in its query; undefined takes one out. */
export function hereWith(query: Query): string {
  const merged: Query = { ...Object.fromEntries(route.value.query), ...query };
  const { screen, name } = route.value;
  return href(name === '' ? screen : `${screen}/${encodeURIComponent(name)}`, merged);
}

export function go(address: string, how: 'push' | 'replace' = 'push'): void {
  if (how === 'push') history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  const before = route.value;
  route.value = readRoute();
  if (how === 'push' && (before.screen !== route.value.screen || before.name !== route.value.name)) {
    window.scrollTo(0, 0);
  }
}

/** Keeps the address for when the browser comes back to the first screen from a sign-in elsewhere. */
export function comeBackHere(): void {
  try {
    sessionStorage.setItem(wanted, location.pathname + location.search);
  } catch {
    // The browser keeps nothing for this page: it begins at the first screen.
  }
}

export function goWhereWanted(): void {
  try {
    const address = sessionStorage.getItem(wanted);
    sessionStorage.removeItem(wanted);
    if (address?.startsWith(base) && location.pathname === base) go(address, 'replace');
  } catch {
    // As above.
  }
}

/** Links within the console do not load the page again. */
export function followLinks(): void {
  window.addEventListener('popstate', () => (route.value = readRoute()));
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = (event.target as Element).closest('a');
    if (!link || link.target !== '' || link.origin !== location.origin || link.hash !== '') return;
    if (!link.pathname.startsWith(base) || link.hasAttribute('download')) return;
    event.preventDefault();
    go(link.href);
  });
}
