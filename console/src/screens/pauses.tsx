import * as calls from '../api/calls';
import { learnJobNames } from '../api/names';
import type { Pause } from '../api/types';
import { ListTable } from '../parts/list_table';
import { Command, Head, Loaded } from '../parts/page';
import { askEnd, askPause, scopeOf } from '../parts/pause_actions';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { DatedTime } from '../parts/time';
import { lookOf, type Look } from '../rules/states';
import { wholeMoment } from '../rules/times';
import { useKeys } from '../store/keys';
import { calendar, spelled, t } from '../store/language';
import { useResource } from '../store/resource';
import { hereWith, href, route } from '../store/route';
import { may } from '../store/session';
import { listZone } from '../store/zone';

const isOver = (pause: Pause) => !pause.active && (pause.ended_at !== null || (pause.until !== null && pause.until <= Date.now()));

function lookOfPause(pause: Pause): Look {
  if (pause.active) return { mark: 'stopped', tone: '', word: 'paused' };
  return isOver(pause) ? { mark: 'success', tone: '', word: 'done' } : lookOf('planned');
}

function Row({ pause }: { pause: Pause }) {
  const end = pause.ended_at ?? pause.until;
  return (
    <tr>
      <td class="fit">
        <State look={lookOfPause(pause)} />
      </td>
      <td class="grow name">{scopeOf(pause)}</td>
      <td class="time full" data-l={t('from')}>
        <DatedTime at={pause.begins_at} zone={listZone.value} />
      </td>
      <td class="time full" data-l={t('until')}>{end === null ? t('untilEnded') : <DatedTime at={end} zone={listZone.value} />}</td>
      <td class="full">{pause.reason}</td>
      <td class="dim">{pause.ended_by === '' ? pause.made_by : t('byAndEndedBy', { who: pause.made_by, other: pause.ended_by })}</td>
      {may('operate') && (
        <td class="act">
          {!isOver(pause) && (
            <button type="button" onClick={() => askEnd(pause)}>
              {t('endPause…')}
            </button>
          )}
        </td>
      )}
    </tr>
  );
}

/** How things are, in one sentence. */
function Answer({ pauses }: { pauses: readonly Pause[] }) {
  const active = pauses.filter((pause) => pause.active);
  if (active.length === 0) return <p class="answer">{t('nothingPaused')}</p>;
  const first = active[0]!;
  const until = first.until === null ? t('untilEnded') : wholeMoment(first.until, listZone.value, calendar());
  return (
    <p class="answer">
      {active.length === 1
        ? t('onePaused', { what: scopeOf(first), until })
        : t('manyPaused', { number: spelled(active.length) })}
    </p>
  );
}

export function PausesScreen() {
  const isAll = route.value.query.get('show') === 'all';
  const read = async () => {
    const list = await calls.pauses(isAll);
    await learnJobNames((list ?? []).map((pause) => pause.cron_id).filter((id) => id !== 0));
    return { list };
  };
  const resource = useResource(read, `pauses ${isAll}`, ['job', 'health']);
  useKeys({ n: may('operate') ? () => askPause() : undefined });
  return (
    <>
      <Head title={t('pauses')} crumb={<a href={href('jobs')}>{t('jobs')}</a>}>
        {may('operate') && (
          <button type="button" class="first" onClick={() => askPause()}>
            {t('pauseJobs…')} <kbd>n</kbd>
          </button>
        )}
      </Head>
      <Loaded of={resource}>
        {({ list }) =>
          list === undefined ? (
            <p class="note">{t('tooOld')}</p>
          ) : (
            <>
              <Answer pauses={list} />
              <Section
                title={t('pauses')}
                end={
                  <span class="switch">
                    <a href={hereWith({ show: undefined })} aria-current={isAll ? undefined : 'true'}>
                      {t('notOver')}
                    </a>
                    <a href={hereWith({ show: 'all' })} aria-current={isAll ? 'true' : undefined}>
                      {t('all')}
                    </a>
                  </span>
                }
              >
                {list.length === 0 ? (
                  <div class="empty">
                    <p class="dim">{t('noPauses')}</p>
                    <Command label={t('pauses')}>peercron pause add --tag db --until 23:00 --reason 'db upgrade'</Command>
                  </div>
                ) : (
                  <ListTable
                    caption={t('pauses')}
                    heads={[t('state'), t('what'), t('from'), t('until'), t('reason'), t('who')]}
                    acts={may('operate')}
                  >
                    {list.map((pause) => (
                      <Row key={pause.id} pause={pause} />
                    ))}
                  </ListTable>
                )}
              </Section>
            </>
          )
        }
      </Loaded>
    </>
  );
}
