import * as calls from '../api/calls';
import type { Params } from '../api/client';
import { jobForm } from '../api/fields';
import { nameOf } from '../api/names';
import type { BulkResult, Job } from '../api/types';
import { asked, said } from '../store/asked';
import { tell } from '../store/live';
import { t, tx } from '../store/language';
import { useResource } from '../store/resource';
import { go, href, runHref } from '../store/route';
import { may } from '../store/session';
import { zoneOf } from '../store/zone';
import { Ask, given, type Entry, type Values } from './dialog';
import type { MenuItem } from './menu';
import { shortTime } from './time';

/** Whether starting it is what one wants: it is stopped, or in a pause of its own. */
export function isHeld(job: Job): boolean {
  return job.state === 'stopped' || (job.paused?.cron_id ?? 0) !== 0;
}

/** What an action is about. */
type Target = Pick<Job, 'id' | 'name'> & { zone?: string | undefined };

/** Of a job's declared input: "NAME", "NAME=default" or "NAME:first|second". */
interface Input {
  name: string;
  choices: string[];
  value: string;
}

function parseInput(declared: string): Input {
  const [, name = declared, sign, rest = ''] = /^([A-Za-z_]\w*)(?:([=:])([\s\S]*))?$/.exec(declared) ?? [];
  const choices = sign === ':' ? rest.split('|') : [];
  return { name, choices, value: choices[0] ?? rest };
}

/** What a change may say about itself, as far as the node takes it. */
function useChangeFields(isStop: boolean, zone?: string): () => readonly Entry[] {
  const form = useResource(jobForm, 'form').data.value;
  const until: Entry = { name: 'until', label: t('until'), kind: 'moment', help: t('untilMeans'), ...(zone ? { zone } : {}) };
  const why: Entry = { name: 'reason', label: t('why'), placeholder: t('keptInHistory') };
  return () => [...(isStop && form?.knows('/pause') ? [until] : []), ...(form?.takesReason ? [why] : [])];
}

type Runnable = Target & { inputs?: string[] | undefined; kind?: string | undefined };

const rehearsal = 'as-rehearsal'; // the name of no input

function RunNow({ job }: { job: Runnable }) {
  const whole = useResource(async () => (job.inputs && job.kind ? job : calls.job(job.id)), String(job.id)).data.value;
  const form = useResource(jobForm, 'form').data.value;
  const inputs = (whole?.inputs ?? []).map(parseInput);
  const asRehearsal: Entry = { name: rehearsal, label: t('askRehearsal'), kind: 'flag', help: t('askRehearsalMeans') };
  const mayRehearse = form?.takesRehearsals && whole && whole.kind !== 'daemon';
  const fields = () => [
    ...inputs.map((input): Entry => {
      const entry = { name: input.name, label: input.name, initial: input.value };
      return input.choices.length > 0 ? { ...entry, kind: 'choice', choices: input.choices } : entry;
    }),
    ...(mayRehearse ? [asRehearsal] : []),
  ];
  const act = async (values: Values) => {
    const more = values[rehearsal] === '1' ? { rehearsal: 1 } : {};
    const run = await calls.runJob(job.id, inputs.map(({ name }) => `${name}=${values[name]}`), more);
    tell('run');
    go(runHref(run.id));
  };
  return (
    <Ask title={t('runJobNow', { name: nameOf(job.id, job.name) })} action={t('runNow')} fields={fields} act={act}>
      {inputs.length === 0 && <p class="dim">{t('runNowMeans')}</p>}
    </Ask>
  );
}

function StopJob({ job }: { job: Target }) {
  const name = nameOf(job.id, job.name);
  const zone = zoneOf(job.zone);
  const fields = useChangeFields(true, zone);
  const act = async (values: Values) => {
    await calls.stopJob(job.id, given(values));
    tell('job');
    said.value = values['until'] ? tx('stoppedUntil', { name, when: shortTime(1000 * Number(values['until']), zone) }) : tx('stopped_', { name });
  };
  return (
    <Ask title={t('stopJob', { name })} action={t('stop')} fields={fields} act={act}>
      <p class="dim">{t('stopMeans')}</p>
    </Ask>
  );
}

function DeleteJob({ job }: { job: Target }) {
  const name = nameOf(job.id, job.name);
  const fields = useChangeFields(false);
  const act = async (values: Values) => {
    await calls.deleteJob(job.id, given(values));
    tell('job');
    said.value = tx('deleted_', { name });
    go(href('jobs'));
  };
  return (
    <Ask title={t('deleteJob', { name })} action={t('delete')} isLast fields={fields} act={act}>
      <p class="dim">{t('deleteMeans')}</p>
    </Ask>
  );
}

export async function startJob(job: Target): Promise<void> {
  await calls.startJob(job.id);
  tell('job');
  said.value = tx('started_', { name: nameOf(job.id, job.name) });
}

export const askRunNow = (job: Runnable) => (asked.value = <RunNow job={job} />);
export const askStop = (job: Target) => (asked.value = <StopJob job={job} />);
export const askDelete = (job: Target) => (asked.value = <DeleteJob job={job} />);

function StartJob({ job }: { job: Target }) {
  return (
    <Ask title={t('startJob', { name: nameOf(job.id, job.name) })} action={t('start')} act={() => startJob(job)}>
      <p class="dim">{t('startMeans')}</p>
    </Ask>
  );
}
export const askStart = (job: Target) => (asked.value = <StartJob job={job} />);

export interface Chosen {
  selection: calls.Selection;
  ids: readonly number[]; // of those on the page
  count: number;
}

/** One call where the node has it, else one for each job. */
async function doAll(action: calls.BulkAction, chosen: Chosen, more: Params): Promise<BulkResult> {
  const known = await calls.ifKnown(calls.bulk(action, chosen.selection, more));
  if (known) return known;
  const one = { start: calls.startJob, stop: calls.stopJob, delete: calls.deleteJob, run: calls.runJob }[action] as (
    id: number,
    more: never,
  ) => Promise<unknown>;
  const argument = (action === 'run' ? [] : more) as never;
  const ended = await Promise.allSettled(chosen.ids.map((id) => one(id, argument)));
  const failed = ended.flatMap((end, index) =>
    end.status === 'rejected' ? [{ id: chosen.ids[index]!, name: '', message: String((end.reason as Error).message) }] : [],
  );
  return { action, dry_run: false, total: chosen.count, done: chosen.count - failed.length, running: 0, jobs: [], failed };
}

function BulkAsk(props: { action: calls.BulkAction; chosen: Chosen; touches: string; done: () => void }) {
  const { action, chosen } = props;
  const fields = useChangeFields(false);
  const act = async (values: Values) => {
    const result = await doAll(action, chosen, given(values));
    tell('job');
    if (result.failed.length > 0) {
      said.value = t('bulkPartly', { done: result.done, total: result.total, first: result.failed[0]!.message });
    } else {
      said.value = t('bulkDone', { n: result.done, action: t(`${action}Done`) });
    }
    props.done();
  };
  return (
    <Ask title={t(`${action}Many`, { n: chosen.count })} action={t(action === 'run' ? 'runNow' : action)} isLast={action === 'delete'} fields={action === 'run' ? undefined : fields} act={act}>
      <p class="dim">{props.touches}</p>
    </Ask>
  );
}

export function askBulk(action: calls.BulkAction, chosen: Chosen, touches: string, done: () => void): void {
  asked.value = <BulkAsk action={action} chosen={chosen} touches={touches} done={done} />;
}

/** What the menu of a job offers. */
export function jobMenu(job: Job): MenuItem[] {
  const items: MenuItem[] = [];
  if (may('operate')) {
    items.push({ label: t('runNow…'), act: () => askRunNow(job) });
    if (isHeld(job)) items.push({ label: t('start'), act: () => askStart(job) });
    else items.push({ label: t('stop…'), act: () => askStop(job) });
  }
  if (may('admin')) items.push({ label: t('delete…'), act: () => askDelete(job) });
  return items;
}
