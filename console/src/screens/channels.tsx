import { useSignal } from '@preact/signals';

import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { learnJobNames, nameOf } from '../api/names';
import type { Channel, ChannelTest, Delivery } from '../api/types';
import { Ask, type Entry, type Values } from '../parts/dialog';
import { ListTable } from '../parts/list_table';
import { Menu } from '../parts/menu';
import { Command, explanation, Trouble } from '../parts/page';
import { Section } from '../parts/section';
import { Mark, State } from '../parts/state';
import { shortTime } from '../parts/time';
import { lookOf, type Look } from '../rules/states';
import { asked } from '../store/asked';
import { t } from '../store/language';
import { useResource } from '../store/resource';
import { listZone } from '../store/zone';
import { counted } from '../store/access_views';

/** What the kinds want to know: docs/notices.md. A node that knows another kind says what it lacks. */
const settings: Record<string, readonly string[]> = {
  webhook: ['url', 'secret', 'format'],
  mail: ['server', 'tls', 'user', 'password', 'from', 'to'],
  slack: ['url'],
  teams: ['url'],
  discord: ['url'],
  telegram: ['token', 'chat'],
  ntfy: ['url', 'token'],
  dingtalk: ['url', 'secret'],
  feishu: ['url', 'secret'],
  wecom: ['url'],
  pagerduty: ['key', 'url'],
  alertmanager: ['url'],
  ping: ['url'],
  amqp: ['server', 'tls', 'user', 'password', 'vhost', 'exchange', 'routing_key'],
  command: ['program'],
};

const secret = new Set(['secret', 'password', 'token', 'key']);
/** What stands in an answer for what it does not show. */
const hidden = '***';

/** What a channel of the kind is told; of one that is there, secrets are kept unless new ones are given. */
function channelFields(channel: Channel | undefined) {
  return (values: Values): Entry[] => {
    const kind = channel?.kind ?? values['kind'] ?? 'webhook';
    const everyJob = values['every_job'] ?? (channel && !channel.every_job ? '' : '1');
    const setting = (name: string): Entry => {
      const isHidden = channel?.settings[name]?.includes(hidden) ?? false;
      const initial = isHidden ? '' : (channel?.settings[name] ?? '');
      return { name, label: name, kind: secret.has(name) ? 'password' : 'text', initial, ...(isHidden ? { help: t('secretStays') } : {}) };
    };
    return [
      { name: 'name', label: t('name'), initial: channel?.name ?? '' },
      ...(channel ? [] : [{ name: 'kind', label: t('kind'), kind: 'choice', choices: Object.keys(settings), initial: kind } satisfies Entry]),
      ...(settings[kind] ?? []).map(setting),
      { name: 'every_job', label: t('everyJob'), kind: 'flag', initial: everyJob },
      ...(everyJob === '1' ? [] : [{ name: 'tags', label: t('field_tags'), initial: channel?.tags.join(', ') ?? '', help: t('channelTags') }]),
      ...(channel ? [{ name: 'stop', label: t('channelStopped'), kind: 'flag', initial: channel.stop ? '1' : '' } satisfies Entry] : []),
    ];
  };
}

function askChannel(channel: Channel | undefined, done: () => Promise<void>): void {
  const act = async ({ every_job, stop, ...values }: Values) => {
    const isKept = (name: string) => channel?.settings[name]?.includes(hidden) ?? channel === undefined;
    const texts = Object.entries(values).filter(([name, value]) => value !== '' || !isKept(name));
    const fields = { ...Object.fromEntries(texts), every_job: every_job === '1' };
    if (channel) await calls.updateChannel({ ...fields, stop: stop === '1', id: channel.id });
    else await calls.addChannel(fields);
    await done();
  };
  asked.value = (
    <Ask title={channel ? t('changeChannel', { name: channel.name }) : t('newChannel')} action={t('save')} fields={channelFields(channel)} act={act} />
  );
}

function askDelete(channel: Channel, done: () => Promise<void>): void {
  const act = async () => {
    await calls.deleteChannel(channel.id);
    await done();
  };
  asked.value = (
    <Ask title={t('deleteChannel', { name: channel.name })} action={t('delete')} isLast act={act}>
      <p class="dim">{t('deleteChannelMeans')}</p>
    </Ask>
  );
}

const shownDeliveries = 10;

const deliveryLooks: Record<string, Look> = {
  sent: lookOf('success'),
  waiting: { mark: 'retry', tone: 'wait', word: 'retry' },
};

/** Of several channels they say of which. */
function Deliveries({ list }: { list: readonly (Delivery & { channel?: string })[] }) {
  const zone = listZone.value;
  if (list.length === 0) return <p class="note">{t('nothingSent')}</p>;
  return (
    <ul class="lines">
      {list.slice(0, shownDeliveries).map((delivery) => (
        <li key={`${delivery.channel} ${delivery.id}`}>
          <Mark look={deliveryLooks[delivery.state] ?? lookOf('failed')} label={delivery.state} />
          <span>
            {shortTime(delivery.created_at, zone)} {delivery.cron_id > 0 && nameOf(delivery.cron_id)} {delivery.notice} {delivery.channel && <span class="tag">{delivery.channel}</span>}
          </span>
          <span class="end">
            {delivery.due_at === null ? delivery.answer : t('tryAt', { n: delivery.attempts + 1, time: shortTime(delivery.due_at, zone) })}
          </span>
        </li>
      ))}
    </ul>
  );
}

/** How it went lately: the newest message that was sent, given up, or waits for its next try. */
function Reached({ list }: { list: readonly Delivery[] }) {
  const newest = list[0];
  if (!newest) return <State look={lookOf('planned')}>{t('neverUsed')}</State>;
  if (newest.state === 'sent') return <State look={lookOf('success')}>{t('works')}</State>;
  if (newest.state === 'waiting' && newest.attempts === 0) return <State look={deliveryLooks['waiting']!}>{t('waits')}</State>;
  return <State look={lookOf('failed')}>{t('checksFail')}</State>;
}

/** With what was sent there lately, newest first. */
interface Known {
  channel: Channel;
  deliveries: readonly Delivery[];
}

async function readChannels(): Promise<Known[] | undefined> {
  const channels = counted('channels', await calls.channels());
  if (!channels) return undefined;
  const known = await Promise.all(channels.map(async (channel) => ({ channel, deliveries: await calls.deliveries(channel.id) })));
  await learnJobNames(known.flatMap(({ deliveries }) => deliveries.slice(0, shownDeliveries).map((one) => one.cron_id)).filter((id) => id > 0));
  return known;
}

interface Tested {
  channel: Channel;
  result: ChannelTest | undefined; // not there yet
  error: string;
  deliveries: readonly Delivery[];
}

function Test({ tested }: { tested: Tested }) {
  const { channel, result, error } = tested;
  return (
    <Section title={t('testOf', { name: channel.name })}>
      {error !== '' && (
        <p>
          <State look={lookOf('failed')}>{error}</State>
        </p>
      )}
      {!result && error === '' && <p class="note">{t('sending')}</p>}
      {result && (
        <>
          <p>
            <State look={lookOf(result.sent ? 'success' : 'failed')}>{t(result.sent ? 'sent' : 'notSent')}</State> {result.problem}
          </p>
          <Command label={t('sentAndAnswered')}>{`→ ${result.request}\n← ${result.answer || t('none')}`}</Command>
        </>
      )}
      <div class="sub spaced">
        <h3>{t('lastDeliveries')}</h3>
      </div>
      <Deliveries list={tested.deliveries} />
    </Section>
  );
}

/** The last ones of all channels. */
function Lately({ known }: { known: readonly Known[] }) {
  const all = known.flatMap(({ channel, deliveries }) => deliveries.map((one) => ({ ...one, channel: channel.name })));
  return (
    <Section title={t('lastDeliveries')}>
      <Deliveries list={all.sort((a, b) => b.created_at - a.created_at)} />
    </Section>
  );
}

/** Where notices are sent, with a test of each. @returns nothing where the node has no channels */
export function Channels() {
  const resource = useResource(async () => ({ list: await readChannels() }), 'channels');
  const tested = useSignal<Tested | undefined>(undefined);
  const list = resource.data.value?.list;
  if (!list) return <Trouble of={resource} />;

  const test = async (channel: Channel) => {
    tested.value = { channel, result: undefined, error: '', deliveries: [] };
    const about = (more: Partial<Tested>) => {
      if (tested.value?.channel === channel) tested.value = { ...tested.value, ...more };
    };
    const fail = (failed: unknown) => {
      if (!(failed instanceof ApiError)) throw failed;
      about({ error: explanation(failed) });
    };
    await Promise.all([
      calls.deliveries(channel.id).then((deliveries) => about({ deliveries }), fail),
      calls.testChannel(channel.id).then((result) => about({ result }), fail),
    ]);
  };
  return (
    <div class="pair even">
      <Section
        id="channels"
        title={t('channels')}
        end={
          <button type="button" onClick={() => askChannel(undefined, resource.reload)}>
            {t('newChannel')}
          </button>
        }
      >
        {list.length === 0 ? (
          <>
            <p class="note">{t('noChannels')}</p>
            <Command label={t('channels')}>peercron channel add ops webhook --url https://example.com/hooks/peercron --every-job</Command>
          </>
        ) : (
          <ListTable caption={t('channels')} heads={[t('state'), t('channel'), t('forJobs')]} acts>
            {list.map(({ channel, deliveries }) => (
              <tr key={channel.id} class={tested.value?.channel.id === channel.id ? 'on' : undefined}>
                <td class="fit">
                  <Reached list={deliveries} />
                </td>
                <td class="grow">
                  <span class="name">{channel.name}</span> <span class="tag">{channel.kind}</span>
                </td>
                <td class="dim">{channel.stop ? t('stopped') : channel.every_job ? t('everyJob') : channel.tags.join(', ')}</td>
                <td class="act push">
                  <button type="button" onClick={() => void test(channel)}>
                    {t('test')}
                  </button>{' '}
                  <Menu
                    name={channel.name}
                    items={[
                      { label: t('change…'), act: () => askChannel(channel, resource.reload) },
                      { label: t('delete…'), act: () => askDelete(channel, resource.reload) },
                    ]}
                  />
                </td>
              </tr>
            ))}
          </ListTable>
        )}
      </Section>
      {tested.value ? <Test tested={tested.value} /> : list.length > 0 && <Lately known={list} />}
    </div>
  );
}
