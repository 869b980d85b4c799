import * as calls from '../api/calls';
import { jobForm } from '../api/fields';
import type { Job, Revision } from '../api/types';
import { Diff } from '../parts/diff';
import { Ask } from '../parts/dialog';
import { ListTable, numeric } from '../parts/list_table';
import { Loaded, Pages } from '../parts/page';
import { Section } from '../parts/section';
import { changedFields, differences } from '../rules/differences';
import { toParameters } from '../rules/fields';
import { wholeMoment } from '../rules/times';
import { asked } from '../store/asked';
import { tell } from '../store/live';
import { calendar, grouped, t } from '../store/language';
import { useResource } from '../store/resource';
import { hereWith, route } from '../store/route';
import { may } from '../store/session';
import { zoneOf } from '../store/zone';

const limit = 25;

function what(revision: Revision): string {
  if (!revision.before) return t('added');
  if (!revision.after) return t('deleted');
  return changedFields(revision.before, revision.after).join(', ') || revision.action;
}

const who = (revision: Revision) => revision.who || t('inTheDatabase');

function askRestore(job: Job, revision: Revision): void {
  const act = async () => {
    const { takesReason } = await jobForm();
    const reason = takesReason ? { reason: t('restored', { n: revision.id }) } : {};
    await calls.updateJob({ ...toParameters(revision.before!), ...reason, id: job.id });
    tell('job');
  };
  const back = differences(revision.after ?? {}, revision.before!);
  asked.value = (
    <Ask title={t('restore', { n: revision.id })} action={t('restore_')} act={act}>
      <Diff lines={back} label={t('whatChanges')} />
    </Ask>
  );
}

function Chosen({ job, revision }: { job: Job; revision: Revision }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const at = wholeMoment(revision.effective_from, zone, calendar());
  const says = revision.reason ? `${at}, ${who(revision)}: “${revision.reason}”` : `${at}, ${who(revision)}`;
  return (
    <Section
      title={t('revision', { n: grouped(revision.id) })}
      beside={says}
      end={
        may('admin') && revision.before && revision.after && (
          <button type="button" onClick={() => askRestore(job, revision)}>
            {t('restoreBefore')}
          </button>
        )
      }
    >
      <Diff
        label={t('whatChanges')}
        lines={differences(revision.before ?? {}, revision.after ?? {}, ['cron_set', 'time_zone', 'command'])}
      />
    </Section>
  );
}

export function History({ job }: { job: Job }) {
  const { query } = route.value;
  const page = Math.max(1, Number(query.get('page') ?? 1) || 1);
  const resource = useResource(() => calls.history(job.id, page, limit), `${job.id} ${page}`, ['job']);
  const zone = zoneOf(job.zone ?? job.time_zone);
  return (
    <Loaded of={resource}>
      {({ list, total }) => {
        const chosen = list.find((one) => String(one.id) === query.get('revision')) ?? list[0];
        if (!chosen) return <p class="note">{t('noHistory')}</p>;
        return (
          <>
            <Chosen job={job} revision={chosen} />
            <Section title={t('revisions')}>
              <ListTable
                caption={t('revisions')}
                heads={[numeric(t('no_')), t('when'), t('who'), t('what'), t('reason')]}
              >
                {list.map((revision) => (
                  <tr key={revision.id} class={revision === chosen ? 'on' : undefined}>
                    <td class="num fit">
                      <a class="name" href={hereWith({ revision: revision.id })}>
                        {grouped(revision.id)}
                      </a>
                    </td>
                    <td class="time">{wholeMoment(revision.effective_from, zone, calendar())}</td>
                    <td class="push">{who(revision)}</td>
                    <td class="full">{what(revision)}</td>
                    <td class="dim full">{revision.reason ?? ''}</td>
                  </tr>
                ))}
              </ListTable>
              <Pages
                page={page}
                limit={limit}
                total={total}
                shown={list.length}
                address={(to) => hereWith({ page: to === 1 ? undefined : to, revision: undefined })}
                words={{ before: t('newer'), after: t('older') }}
              />
            </Section>
          </>
        );
      }}
    </Loaded>
  );
}
