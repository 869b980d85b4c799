import { useSignal } from '@preact/signals';

import * as calls from '../api/calls';
import { jobForm } from '../api/fields';
import { nameOf } from '../api/names';
import type { BulkResult, Job } from '../api/types';
import { asked, said } from '../store/asked';
import { tell } from '../store/live';
import { t, tx } from '../store/language';
import { useResource } from '../store/resource';
import { go, href, runHref } from '../store/route';
import { may } from '../store/session';
import { Ask } from './dialog';
import type { MenuItem } from './menu';

/** What an action is about. */
type Target = Pick<Job, 'id' | 'name'>;

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

/** Why something is done, where the node keeps that. */
function Reason({ value, onInput }: { value: string; onInput: (text: string) => void }) {
  const form = useResource(jobForm, 'form');
  if (!form.data.value?.takesReason) return null;
  return (
    <div class="field">
      <label for="reason">{t('why')}</label>
      <input
        id="reason"
        type="text"
        maxLength={255}
        value={value}
        placeholder={t('keptInHistory')}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
    </div>
  );
}

function RunNow({ job }: { job: Target & { inputs?: string[] | undefined } }) {
  const whole = useResource(async () => (job.inputs ? job : calls.job(String(job.id))), String(job.id));
  const inputs = (whole.data.value?.inputs ?? []).map(parseInput);
  const changed = useSignal<Record<string, string>>({});
  const valueOf = (input: Input) => changed.value[input.name] ?? input.value;
  const set = (name: string, value: string) => (changed.value = { ...changed.value, [name]: value });
  const act = async () => {
    const run = await calls.runJob(job.id, inputs.map((input) => `${input.name}=${valueOf(input)}`));
    tell('run');
    go(runHref(run.id));
  };
  return (
    <Ask title={t('runJobNow', { name: nameOf(job.id, job.name) })} action={t('runNow')} act={act}>
      {inputs.length === 0 && <p class="dim">{t('runNowMeans')}</p>}
      {inputs.map((input) => (
        <div class="field" key={input.name}>
          <label for={`input-${input.name}`}>{input.name}</label>
          {input.choices.length > 0 ? (
            <select id={`input-${input.name}`} value={valueOf(input)} onChange={(event) => set(input.name, event.currentTarget.value)}>
              {input.choices.map((choice) => (
                <option key={choice}>{choice}</option>
              ))}
            </select>
          ) : (
            <input
              id={`input-${input.name}`}
              class="mono"
              type="text"
              value={valueOf(input)}
              onInput={(event) => set(input.name, event.currentTarget.value)}
            />
          )}
        </div>
      ))}
    </Ask>
  );
}

function StopJob({ job }: { job: Target }) {
  const reason = useSignal('');
  const act = async () => {
    await calls.stopJob(job.id, reason.value === '' ? {} : { reason: reason.value });
    tell('job');
    said.value = tx('stopped_', { name: nameOf(job.id, job.name) });
  };
  return (
    <Ask title={t('stopJob', { name: nameOf(job.id, job.name) })} action={t('stop')} act={act}>
      <p class="dim">{t('stopMeans')}</p>
      <Reason value={reason.value} onInput={(text) => (reason.value = text)} />
    </Ask>
  );
}

function DeleteJob({ job }: { job: Target }) {
  const reason = useSignal('');
  const act = async () => {
    await calls.deleteJob(job.id, reason.value === '' ? {} : { reason: reason.value });
    tell('job');
    said.value = tx('deleted_', { name: nameOf(job.id, job.name) });
    go(href('jobs'));
  };
  return (
    <Ask title={t('deleteJob', { name: nameOf(job.id, job.name) })} action={t('delete')} isLast act={act}>
      <p class="dim">{t('deleteMeans')}</p>
      <Reason value={reason.value} onInput={(text) => (reason.value = text)} />
    </Ask>
  );
}

export async function startJob(job: Target): Promise<void> {
  await calls.startJob(job.id);
  tell('job');
  said.value = tx('started_', { name: nameOf(job.id, job.name) });
}

export const askRunNow = (job: Target & { inputs?: string[] | undefined }) => (asked.value = <RunNow job={job} />);
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
async function doAll(action: calls.BulkAction, chosen: Chosen, reason: string): Promise<BulkResult> {
  const more = reason === '' ? {} : { reason };
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
  const reason = useSignal('');
  const { action, chosen } = props;
  const act = async () => {
    const result = await doAll(action, chosen, reason.value);
    tell('job');
    if (result.failed.length > 0) {
      said.value = t('bulkPartly', { done: result.done, total: result.total, first: result.failed[0]!.message });
    } else {
      said.value = t('bulkDone', { n: result.done, action: t(`${action}Done`) });
    }
    props.done();
  };
  return (
    <Ask title={t(`${action}Many`, { n: chosen.count })} action={t(action === 'run' ? 'runNow' : action)} isLast={action === 'delete'} act={act}>
      <p class="dim">{props.touches}</p>
      {action !== 'run' && <Reason value={reason.value} onInput={(text) => (reason.value = text)} />}
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
    if (job.state === 'stopped') items.push({ label: t('start'), act: () => askStart(job) });
    else items.push({ label: t('stop…'), act: () => askStop(job) });
  }
  if (may('admin')) items.push({ label: t('delete…'), act: () => askDelete(job) });
  return items;
}
