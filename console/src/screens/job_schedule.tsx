import * as calls from '../api/calls';
import type { Job, LocalMoment, Preview } from '../api/types';
import { ListTable, numeric } from '../parts/list_table';
import { Loaded } from '../parts/page';
import { Section } from '../parts/section';
import { shortTime } from '../parts/time';
import { clock, dayName } from '../rules/times';
import { now } from '../store/clock';
import { calendar, capital, duration, inTime, t, tx } from '../store/language';
import { useResource } from '../store/resource';
import { href } from '../store/route';
import { zoneOf } from '../store/zone';

/** From the job's own next fires, where the node cannot preview. */
async function readSchedule(job: Job): Promise<{ next: LocalMoment[]; preview: Preview | undefined }> {
  const preview = await calls.preview({ id: job.id });
  if (preview) return { next: preview.next, preview };
  const whole = await calls.job(job.id);
  return { next: (whole.next ?? []).map((local) => ({ at: Date.parse(local), local })), preview: undefined };
}

function Collisions({ preview }: { preview: Preview }) {
  const first = preview.collisions[0];
  if (!first) return null;
  const others = first.jobs - first.names.length;
  return (
    <Section
      title={t('otherJobsAt', { time: clock(first.at, zoneOf(preview.zone)) })}
      beside={t('number', { n: first.jobs })}
    >
      <ul class="lines">
        {first.names.map((name) => (
          <li key={name}>
            <a href={href(`job/${encodeURIComponent(name)}`)}>{name}</a>
          </li>
        ))}
        {others > 0 && (
          <li>
            <a href={href('jobs')}>{t('nMore', { n: others })}</a>
          </li>
        )}
      </ul>
    </Section>
  );
}

/** The jobs without whose success it does not run. */
function Requires({ job }: { job: Job }) {
  const names = job.requires ?? [];
  if (names.length === 0) return null;
  const wait = job.requires_wait ?? 0;
  return (
    <Section title={t('onlyIf')} beside={t('number', { n: names.length })}>
      <ul class="lines">
        {names.map((name) => (
          <li key={name}>
            <a href={href(`job/${encodeURIComponent(name)}`)}>{name}</a>
          </li>
        ))}
      </ul>
      <p class="note">{wait > 0 ? t('requiresWaits', { time: duration(1000 * wait) }) : t('requiresAtOnce')}</p>
    </Section>
  );
}

/** What a daemon has in place of a schedule. */
export function KeptAlive({ job }: { job: Job }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const { daemon } = job;
  const seconds = (value: number | undefined) => duration(1000 * (value ?? 0));
  const rule = job.restart === 'on_failure' ? 'restartsOnFailure' : 'restartsAlways';
  return (
    <Section title={t('keptAlive')}>
      {daemon && (
        <p class="note">
          {daemon.is_up
            ? t('upSince', { when: shortTime(daemon.since ?? now.value, zone), node: daemon.node })
            : t('downBecause', { why: daemon.why })}{' '}
          {daemon.next_start !== null && t('nextStartAt', { time: shortTime(daemon.next_start, zone), when: inTime(daemon.next_start - now.value) })}
        </p>
      )}
      <p class="note">
        {t(rule)} {t('restartDelays', { delay: seconds(job.restart_delay), most: seconds(job.restart_max_delay), healthy: seconds(job.healthy_after) })}{' '}
        {job.start_limit ? t('givenUpAfter', { n: job.start_limit }) : ''}
      </p>
    </Section>
  );
}

export function Schedule({ job }: { job: Job }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const resource = useResource(() => readSchedule(job), `${job.id} ${job.cron_set}`, ['job']);
  return (
    <Loaded of={resource}>
      {({ next, preview }) => (
        <div class="pair">
          <Section title={t('nextFires')}>
            {next.length === 0 ? (
              <p class="note">
                {job.cron_set === '' && `${capital(job.schedule_in_words ?? '')}. `}
                {job.state === 'stopped' ? t('stoppedMeans') : job.cron_set !== '' && t('noMoreFires')}
              </p>
            ) : (
              <ListTable
                caption={t('nextFires')}
                heads={[t('day'), numeric(zone), numeric('UTC', 'w-m'), numeric(t('in_'))]}
                className=""
              >
                {next.map(({ at }) => (
                  <tr key={at}>
                    <td class="fit">{dayName(at, now.value, zone, calendar())}</td>
                    <td class="num">{clock(at, zone)}</td>
                    <td class="num dim w-m">{clock(at, 'UTC')}</td>
                    <td class="num faint">{inTime(at - now.value)}</td>
                  </tr>
                ))}
              </ListTable>
            )}
          </Section>
          <div>
            {preview && preview.notes.length > 0 && (
              <Section title={t('whatClocksDo')}>
                {preview.notes.map((note) => (
                  <p key={note} class="note">
                    {capital(note)}.
                  </p>
                ))}
              </Section>
            )}
            <Requires job={job} />
            {preview && <Collisions preview={preview} />}
            <p class="note">{tx('findSlotAt', { link: <a href={href('timeline')}>{t('timeline')}</a> })}</p>
          </div>
        </div>
      )}
    </Loaded>
  );
}
