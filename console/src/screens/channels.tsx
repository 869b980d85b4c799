import { useSignal } from '@preact/signals';

import * as calls from '../api/calls';
import { ApiError } from '../api/client';
import { nameOf } from '../api/names';
import type { Channel, ChannelTest, Delivery } from '../api/types';
import { Ask } from '../parts/dialog';
import { explanation, Trouble } from '../parts/page';
import { Mark, State } from '../parts/state';
import { shortTime } from '../parts/time';
import { lookOf, type Look } from '../rules/states';
import { asked } from '../store/asked';
import { t } from '../store/language';
import { useResource } from '../store/resource';
import { may } from '../store/session';
import { listZone } from '../store/zone';

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

function NewChannel({ done }: { done: () => Promise<void> }) {
  const kind = useSignal('webhook');
  const values = useSignal<Record<string, string>>({});
  const everyJob = useSignal(true);
  const act = async () => {
    const names = ['name', 'tags', ...settings[kind.value]!];
    const given = Object.fromEntries(names.map((name) => [name, values.value[name] ?? '']).filter(([, value]) => value !== ''));
    await calls.addChannel({ ...given, kind: kind.value, every_job: everyJob.value });
    await done();
  };
  const field = (name: string, label: string, help?: string) => (
    <div class="field" key={name}>
      <label for={`channel-${name}`}>{label}</label>
      <input
        id={`channel-${name}`}
        type={secret.has(name) ? 'password' : 'text'}
        autocomplete="off"
        value={values.value[name] ?? ''}
        onInput={(event) => (values.value = { ...values.value, [name]: event.currentTarget.value })}
      />
      {help && <p class="help">{help}</p>}
    </div>
  );
  return (
    <Ask title={t('newChannel')} action={t('save')} act={act}>
      {field('name', t('name'))}
      <div class="field">
        <label for="channel-kind">{t('kind')}</label>
        <select id="channel-kind" value={kind.value} onChange={(event) => (kind.value = event.currentTarget.value)}>
          {Object.keys(settings).map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </div>
      {settings[kind.value]!.map((name) => field(name, name))}
      <div class="field flag">
        <input id="channel-every" type="checkbox" checked={everyJob.value} onChange={(event) => (everyJob.value = event.currentTarget.checked)} />
        <label for="channel-every">{t('everyJob')}</label>
      </div>
      {!everyJob.value && field('tags', t('field_tags'), t('channelTags'))}
    </Ask>
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

const deliveryLooks: Record<string, Look> = {
  sent: lookOf('success'),
  waiting: { mark: 'retry', tone: 'wait', word: 'retry' },
};

function Deliveries({ list }: { list: readonly Delivery[] }) {
  const zone = listZone.value;
  if (list.length === 0) return <p class="note">{t('nothingSent')}</p>;
  return (
    <ul class="lines">
      {list.slice(0, 10).map((delivery) => (
        <li key={delivery.id}>
          <Mark look={deliveryLooks[delivery.state] ?? lookOf('failed')} label={delivery.state} />
          <span>
            {shortTime(delivery.created_at, zone)} {delivery.cron_id > 0 && nameOf(delivery.cron_id)} {delivery.notice}
          </span>
          <span class="end">
            {delivery.due_at === null ? delivery.answer : t('tryAt', { n: delivery.attempts + 1, time: shortTime(delivery.due_at, zone) })}
          </span>
        </li>
      ))}
    </ul>
  );
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
    <section>
      <div class="sub">
        <h2>{t('testOf', { name: channel.name })}</h2>
      </div>
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
          <pre class="cmd" tabIndex={0} role="region" aria-label={t('sentAndAnswered')}>
            {`→ ${result.request}\n← ${result.answer || t('none')}`}
          </pre>
        </>
      )}
      <div class="sub spaced">
        <h3>{t('lastDeliveries')}</h3>
      </div>
      <Deliveries list={tested.deliveries} />
    </section>
  );
}

/** Where notices are sent, with a test of each. @returns nothing where the node has no channels */
export function Channels() {
  const resource = useResource(async () => ({ list: may('owner') ? await calls.channels() : undefined }), 'channels');
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
      <section id="channels">
        <div class="sub">
          <h2>{t('channels')}</h2>
          <span class="end">
            <button type="button" onClick={() => (asked.value = <NewChannel done={resource.reload} />)}>
              {t('newChannel')}
            </button>
          </span>
        </div>
        {list.length === 0 ? (
          <>
            <p class="note">{t('noChannels')}</p>
            <pre class="cmd" tabIndex={0} role="region" aria-label={t('channels')}>
              {'peercron channel add ops webhook --url https://example.com/hooks/peercron --every-job'}
            </pre>
          </>
        ) : (
          <table class="fold">
            <caption class="hide">{t('channels')}</caption>
            <thead>
              <tr>
                <th scope="col">{t('channel')}</th>
                <th scope="col">{t('forJobs')}</th>
                <th scope="col">
                  <span class="hide">{t('actions')}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.map((channel) => (
                <tr key={channel.id} class={tested.value?.channel.id === channel.id ? 'on' : undefined}>
                  <td class="above">
                    <span class="name">{channel.name}</span> <span class="tag">{channel.kind}</span>
                  </td>
                  <td class="dim">{channel.stop ? t('stopped') : channel.every_job ? t('everyJob') : channel.tags.join(', ')}</td>
                  <td class="act push">
                    <button type="button" onClick={() => void test(channel)}>
                      {t('test')}
                    </button>{' '}
                    <button type="button" class="last" onClick={() => askDelete(channel, resource.reload)}>
                      {t('delete…')}
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
      {tested.value && <Test tested={tested.value} />}
    </div>
  );
}
