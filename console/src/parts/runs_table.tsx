import type { ComponentChildren } from 'preact';

import * as calls from '../api/calls';
import { nameOf, names } from '../api/names';
import type { Run } from '../api/types';
import { useCursor } from '../store/cursor';
import { duration, t } from '../store/language';
import { tell } from '../store/live';
import { go, jobHref, runHref } from '../store/route';
import { may } from '../store/session';
import { isAlarm, isByHand, lateness, lookOf, retryOf, withoutCause } from '../rules/states';
import { ActionButton } from './action_button';
import { askedText, howItEnded, partText } from './happened';
import { ListTable, numeric } from './list_table';
import { RunState } from './state';
import { DatedTime } from './time';

/** The last line that a command wrote, shortened: mostly it says what went wrong. */
function lastLine(output: string): string {
  const lines = output.replace(/\x1b\[[0-9;]*[@-~]/g, '').trimEnd().split('\n');
  const line = lines[lines.length - 1]!.trim();
  return line.length > 120 ? `${line.slice(0, 117)}…` : line;
}

async function change(done: Promise<unknown>): Promise<void> {
  await done;
  tell('run');
}

/** Why a row stands as it does. */
function note(run: Run): ComponentChildren {
  if (run.state === 'planned' && retryOf(run) !== null) {
    return (
      <>
        {t('furtherAttempt')}{' '}
        {may('operate') && (
          <>
            {!run.rehearsal && (
              <ActionButton className="plain" act={() => change(calls.retryRun(run.id))}>
                {t('startNow')}
              </ActionButton>
            )}{' '}
            <ActionButton className="plain" act={() => change(calls.giveUpRun(run.id))}>
              {t('giveUp')}
            </ActionButton>
          </>
        )}
      </>
    );
  }
  if (run.fires !== undefined && run.fires > 1) return `${t('fires', { n: run.fires })}: ${run.reason}`;
  const asked = askedText(run.requested_by);
  if (run.state === 'success') return asked;
  if (run.state === 'failed' || run.state === 'timeout') {
    const said = lastLine(run.output);
    const how = run.state === 'timeout' ? '' : howItEnded(run);
    const text = said === '' || run.output_cut ? run.reason || how : t('howAndSaid', { how: how || t('timeout'), said });
    return [text, asked].filter(Boolean).join('; ');
  }
  return withoutCause(run.reason) || asked;
}

function RunRow({ run, zone, retries, withJob, isCursor }: {
  run: Run;
  zone: string;
  retries: number | undefined;
  withJob: boolean;
  isCursor: boolean;
}) {
  const hasStarted = run.started_at !== null;
  const late = lateness(run);
  const attempts = retries === undefined || isByHand(run.requested_by) ? String(run.attempt) : t('nOf', { n: run.attempt, of: Math.max(run.attempt, retries + 1) });
  const classes = [isCursor && 'cursor', withJob && isAlarm(lookOf(run.state, run.cause)) && 'alarm'].filter(Boolean).join(' ');
  const job = { id: run.cron_id, name: names.value.get(run.cron_id) ?? '' };
  return (
    <tr class={classes}>
      <td class="fit">
        <RunState run={run} />
      </td>
      <td class={withJob ? 'time num' : 'time num grow'}>
        <a class="name" href={runHref(run.id)}>
          {run.scheduled_at === null ? `#${run.id}` : <DatedTime at={run.scheduled_at} zone={zone} />}
        </a>
        {partText(run) !== '' && <span class="dim"> {partText(run)}</span>}
      </td>
      {withJob && (
        <td class="grow above">
          <a class="name" href={jobHref(job)}>
            {nameOf(run.cron_id)}
          </a>
        </td>
      )}
      <td class={withJob ? 'num w-m w-l' : 'num w-m'}>{attempts}</td>
      <td class="fit">{run.run_server || '—'}</td>
      <td class="num w-m">{late === null ? '—' : duration(late)}</td>
      <td class="num push">{run.ended_at === null || !hasStarted ? '—' : duration(run.use_time)}</td>
      <td class="say full">{note(run)}</td>
    </tr>
  );
}

/** Rows of the ledger, newest first. @param retries of the job, where all are of one */
export function RunsTable(props: {
  runs: readonly Run[];
  zone: string;
  caption: string;
  retries?: number;
  withJob?: boolean;
}) {
  const { withJob = false } = props;
  const cursor = useCursor(
    props.runs.map((run) => String(run.id)),
    { open: (id) => go(runHref(Number(id))) },
  );
  return (
    <ListTable
      caption={props.caption}
      heads={[
        t('state'),
        numeric(t('scheduledFor')),
        withJob && t('job'),
        numeric(t('attempt'), withJob ? 'w-m w-l' : 'w-m'),
        t('node'),
        numeric(t('late'), 'w-m'),
        numeric(t('took')),
        t('note'),
      ]}
    >
      {props.runs.map((run) => (
        <RunRow
          key={run.id}
          run={run}
          zone={props.zone}
          retries={props.retries}
          withJob={withJob}
          isCursor={cursor === String(run.id)}
        />
      ))}
    </ListTable>
  );
}

