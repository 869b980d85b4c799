import { get, post, ApiError, type Params } from './client';
import type * as answers from './types';

// The calls by what they are for. One that older nodes lack is answered from older calls, as far as
// they know it.

/** The answer, or undefined from a node that does not have the call. */
export async function ifKnown<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.isUnknownCall) return undefined;
    throw error;
  }
}

export const health = () => get<answers.Health>('health');
export const nodes = () => get<answers.Nodes>('node/list');

export const jobs = (params: Params) => get<answers.List<answers.Job>>('cron/list', params);

/** Of the job with that name, or that id. */
export async function jobId(key: string): Promise<number> {
  if (/^\d+$/.test(key)) return Number(key);
  const found = await jobs({ name: key, limit: 1 });
  if (found.list.length === 0) throw new ApiError(404, `there is no job with the name "${key}"`);
  return found.list[0]!.id;
}

export const job = (id: number) => get<answers.Job>(`cron/${id}`);

export const tags = () => ifKnown(get<answers.Tag[]>('cron/tags'));
export const statistics = (id: number) => ifKnown(get<answers.JobStatistics>(`cron/${id}/stats`));
export const history = (id: number, page: number, limit: number) =>
  get<answers.List<answers.Revision>>(`cron/${id}/history`, { page, limit });
export const why = (id: number, at?: number) =>
  ifKnown(get<answers.Why>(`cron/${id}/why`, { at: at === undefined ? undefined : Math.floor(at / 1000) }));
export const preview = (fields: Params) => ifKnown(post<answers.Preview>('cron/preview', fields));

export const runs = (params: Params) => get<answers.List<answers.Run>>('log/list', params);
/** All rows of a job that were due in that second, the planned ones too: of a fire with parts, each of each attempt. */
export async function runsOfSecond(job: number, at: number): Promise<answers.Run[]> {
  const limit = 300;
  const from = Math.floor(at / 1000);
  const found = new Map<number, answers.Run>();
  for (const state of ['planned', undefined]) {
    for (let page = 1, isLast = false; !isLast; ++page) {
      const { list } = await runs({ cron_id: job, from, to: from + 1, state, limit, page });
      for (const row of list) found.set(row.id, row);
      isLast = list.length < limit;
    }
  }
  return [...found.values()];
}

export const run = (id: string) => get<answers.Run>(`log/${id}`);
export const runDiff = (id: number) => ifKnown(get<answers.RunDiff>(`run/${id}/diff`));
export const histogram = (params: Params) => ifKnown(get<answers.Histogram>('log/histogram', params));
export const forecast = (params: Params) => ifKnown(get<answers.Forecast>('forecast', params));
export const plannedFires = (params: Params) =>
  ifKnown(get<answers.List<answers.PlannedFire>>('forecast/fires', params));
export const freeSlots = (params: Params) => ifKnown(get<answers.FreeSlots>('forecast/free', params));
export const ifStopped = (node: string) =>
  ifKnown(get<answers.IfStopped>(`node/${encodeURIComponent(node)}/if-stopped`));

export const addJob = (fields: Params) => post<answers.Job>('cron/add', fields);
export const updateJob = (fields: Params) => post<answers.Job>('cron/update', fields);
export const stopJob = (id: number, reason: Params) => post<answers.Job>(`cron/stop/${id}`, reason);
export const startJob = (id: number) => post<answers.Job>(`cron/start/${id}`);
export const deleteJob = (id: number, reason: Params) => post<answers.Job>(`cron/delete/${id}`, reason);
export const runJob = (id: number, inputs: string[], more: Params = {}) =>
  post<answers.Run>(`cron/run/${id}`, inputs.length > 0 ? { ...more, inputs } : more);
export const killRun = (id: number) => post<answers.Run>(`run/kill/${id}`);
export const retryRun = (id: number) => post<answers.Run>(`run/retry/${id}`);
export const giveUpRun = (id: number) => post<answers.Run>(`run/give-up/${id}`);

export type BulkAction = 'start' | 'stop' | 'run' | 'delete';
export type Selection = { ids: string } | { tag: string } | { search: string } | { all: 1 };
export const bulk = (action: BulkAction, selection: Selection, more: Params = {}) =>
  post<answers.BulkResult>('cron/bulk', { action, ...selection, ...more });

export const runAgain = (id: number) => post<answers.Run>(`run/again/${id}`);
export const backfills = (id: number) => ifKnown(get<answers.Backfill[]>(`cron/${id}/backfills`));
export const backfill = (id: number, asked: Params) => post<answers.Backfill>(`cron/backfill/${id}`, asked);
export const stopBackfill = (id: number) => post<answers.Backfill>(`cron/backfill/stop/${id}`);

export const pauses = (all: boolean) => ifKnown(get<answers.Pause[]>('pause/list', all ? { all: 1 } : {}));
export const addPause = (fields: Params) => post<answers.Pause>('pause', fields);
export const endPause = (id: number) => post<answers.Pause[]>('resume', { id });

export const locks = () => ifKnown(get<answers.Lock[]>('lock/list'));
export const setLock = (fields: Params) => post<answers.Lock>('lock/set', fields);
export const deleteLock = (name: string) => post<answers.Lock>('lock/delete', { name });

export const calendars = (zone: string) => ifKnown(get<answers.Calendar[]>('calendar/list', { time_zone: zone }));
export const calendar = (name: string, zone: string) => get<answers.Calendar>('calendar/show', { name, time_zone: zone });
export const addCalendar = (fields: Params) => post<answers.Calendar>('calendar/add', fields);
export const setCalendar = (fields: Params) => post<answers.Calendar>('calendar/set', fields);
export const deleteCalendar = (name: string) => post<answers.Calendar>('calendar/delete', { name });

export const accounts = () => ifKnown(get<answers.Account[]>('account/list'));
export const addAccount = (fields: Params) => post<answers.Account>('account/add', fields);
export const updateAccount = (fields: Params) => post<answers.Account>('account/update', fields);
export const deleteAccount = (name: string) => post<answers.Account>('account/delete', { name });
export const changePassword = (fields: Params) => post<answers.Account>('account/password', fields);
export const tokens = () => ifKnown(get<answers.Token[]>('token/list'));
export const addToken = (fields: Params) => post<answers.Token & { token: string }>('token/add', fields);
export const deleteToken = (name: string) => post<answers.Token>('token/delete', { name });
export const accessEvents = (params: Params) => ifKnown(get<answers.List<answers.AccessEvent>>('access/list', params));

export const signIn = (name: string, password: string) => post<{ name: string }>('session/sign-in', { name, password });
export const signInMethods = () => ifKnown(get<{ oidc: string | null }>('session/methods'));
export const startOidc = () => post<{ url: string }>('session/oidc/start');
export const signOut = () => post<{ signed_out: boolean }>('session/sign-out');

export const channels = () => ifKnown(get<answers.Channel[]>('channel/list'));
export const addChannel = (fields: Params) => post<answers.Channel>('channel/add', fields);
export const updateChannel = (fields: Params) => post<answers.Channel>('channel/update', fields);
export const deleteChannel = (id: number) => post<answers.Channel>(`channel/delete/${id}`);
export const testChannel = (id: number) => post<answers.ChannelTest>(`channel/test/${id}`);
export const deliveries = (id: number) => get<answers.Delivery[]>(`channel/${id}/deliveries`);

export async function audit(from: number, to: number): Promise<{ totals: answers.AuditTotals; findings: answers.Finding[] }> {
  return get('audit', { from: Math.floor(from / 1000), to: Math.floor(to / 1000) });
}
