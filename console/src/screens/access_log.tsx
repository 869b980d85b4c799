import * as calls from '../api/calls';
import type { AccessEvent, List } from '../api/types';
import { ListTable } from '../parts/list_table';
import { Pages, Trouble } from '../parts/page';
import { Section } from '../parts/section';
import { State } from '../parts/state';
import { Time } from '../parts/time';
import { lookOf } from '../rules/states';
import { t } from '../store/language';
import { useResource } from '../store/resource';
import { href, route } from '../store/route';
import { listZone } from '../store/zone';

const inBrief = 6;
const perPage = 50;

function What({ event }: { event: AccessEvent }) {
  const detail = event.detail === '' ? '' : `: ${event.detail}`;
  if (!event.what.includes('refused')) return <>{event.what + detail}</>;
  return (
    <>
      <State look={lookOf('failed')}>{event.what}</State>
      {detail}
    </>
  );
}

function Table({ events }: { events: readonly AccessEvent[] }) {
  return (
    <ListTable caption={t('accessLog')} heads={[t('time'), t('who'), t('what'), t('fromWhere')]}>
      {events.map((event) => (
        <tr key={event.id}>
          <td class="time">
            <Time at={event.at} zone={listZone.value} />
          </td>
          <td class="grow name">{event.who}</td>
          <td class="full below">
            <What event={event} />
          </td>
          <td class="dim push">{event.address}</td>
        </tr>
      ))}
    </ListTable>
  );
}

/** Sign-ins, refusals and what was done by hand, newest first; in brief, or page by page. */
export function AccessLog({ isBrief }: { isBrief: boolean }) {
  const page = isBrief ? 1 : Math.max(1, Number(route.value.query.get('page') ?? 1) || 1);
  const limit = isBrief ? inBrief : perPage;
  const read = async (): Promise<{ found: List<AccessEvent> | undefined }> => ({ found: await calls.accessEvents({ page, limit }) });
  const resource = useResource(read, `access ${page} ${limit}`, ['health']);
  const found = resource.data.value?.found;
  if (!found) return <Trouble of={resource} />;
  return (
    <Section
      id="log"
      title={t('accessLog')}
      end={
        isBrief && found.total > inBrief && (
          <a href={href('access', { view: 'log' })}>
            {t('all_', { n: found.total })}
          </a>
        )
      }
    >
      <Trouble of={resource} />
      {found.list.length === 0 ? <p class="note">{t('noAccess')}</p> : <Table events={found.list} />}
      {!isBrief && found.total > perPage && (
        <Pages
          page={page}
          limit={perPage}
          total={found.total}
          shown={found.list.length}
          address={(to) => href('access', { view: 'log', page: to === 1 ? undefined : to })}
          words={{ before: t('newer'), after: t('older') }}
        />
      )}
    </Section>
  );
}
