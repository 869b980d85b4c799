import * as calls from '../api/calls';
import type { Account, Token } from '../api/types';
import { Ask, Dialog, type Entry, type Values } from '../parts/dialog';
import { ListTable, numeric } from '../parts/list_table';
import { Menu } from '../parts/menu';
import { Command, Trouble } from '../parts/page';
import { Section } from '../parts/section';
import { shortTime } from '../parts/time';
import { asked, closeDialog } from '../store/asked';
import { now } from '../store/clock';
import { inTime, t } from '../store/language';
import { useResource } from '../store/resource';
import { caller } from '../store/session';
import { listZone } from '../store/zone';
import { counted } from '../store/access_views';

const roles = ['read', 'operate', 'admin', 'owner'];
const soon = 14 * 86_400_000;

const roleAndTags = (role: string, tags: readonly string[]): Entry[] => [
  { name: 'role', label: t('role'), kind: 'choice', choices: roles, initial: role },
  { name: 'tags', label: t('onlyJobsWith'), initial: tags.join(', '), help: t('onlyJobsWithMeans') },
];

/** What a role may do, under the fields as they stand. */
const meansOf = (values: Values, role: string) => t('mayDo_', { may: t(`role_${(values['role'] ?? role) as 'read'}`) });

/** Fields of which one says what the chosen role may. */
const withMeaning = (fields: readonly Entry[], role: string) => (values: Values) =>
  fields.map((entry) => (entry.name === 'role' ? { ...entry, help: meansOf(values, role) } : entry));

const when = (at: number | null) => (at === null ? t('never') : shortTime(at, listZone.value));

function Tags({ tags }: { tags: readonly string[] }) {
  return <td class="dim">{tags.length === 0 ? t('allJobs') : tags.join(', ')}</td>;
}

type Done = () => Promise<void>;

/** Without accounts and tokens everybody is anonymous; the first one ends that. */
const isFirst = () => caller.value?.proof === 'none';

/** Whether the provider may sign the person in. */
const ssoFlag = (initial: boolean): Entry => ({
  name: 'sso',
  label: t('sso'),
  kind: 'flag',
  initial: initial ? '1' : '',
  help: t('ssoMeans'),
});

/** How an account is opened; an older node does not say it. */
function SignsIn({ account }: { account: Account }) {
  const ways = [account.has_password && t('byPassword'), account.sso && t('byProvider')].filter(Boolean);
  return (
    <td class="dim" data-l={t('signsIn')} title={account.identity || undefined}>
      {ways.join(', ')}
    </td>
  );
}

function askNewAccount(hasProvider: boolean, done: Done): void {
  const role = isFirst() ? 'owner' : 'read';
  const help = hasProvider ? t('noPasswordWithSso') : t('passwordMeans');
  const fields = [
    { name: 'name', label: t('name') },
    { name: 'password', label: t('password'), kind: 'password', help } satisfies Entry,
    ...roleAndTags(role, []),
    ...(hasProvider ? [ssoFlag(false)] : []),
  ];
  const act = async ({ sso, password, ...values }: Values) => {
    const isOpen = sso === '1';
    await calls.addAccount({ ...values, ...(isOpen ? { sso: 1 } : {}), ...(isOpen && password === '' ? {} : { password }) });
    await done();
  };
  asked.value = (
    <Ask title={t('newAccount')} action={t('add')} fields={withMeaning(fields, role)} act={act}>
      {isFirst() && <p class="dim">{t('firstAccountMeans')}</p>}
    </Ask>
  );
}

function askChangeAccount(account: Account, hasProvider: boolean, done: Done): void {
  const fields = [
    ...roleAndTags(account.role, account.tags),
    { name: 'password', label: t('newPassword'), kind: 'password', help: t('passwordStays') } satisfies Entry,
    ...(hasProvider || account.sso ? [ssoFlag(account.sso ?? false)] : []),
  ];
  const act = async ({ password, sso, ...values }: Values) => {
    const isOpen = sso === undefined ? {} : { sso: sso === '1' ? 1 : 0 };
    await calls.updateAccount({ ...values, ...isOpen, name: account.name, ...(password ? { password } : {}) });
    await done();
  };
  asked.value = <Ask title={t('changeAccount', { name: account.name })} action={t('save')} fields={withMeaning(fields, account.role)} act={act} />;
}

function askDeleteAccount({ name }: Account, done: Done): void {
  const act = async () => {
    await calls.deleteAccount(name);
    await done();
  };
  asked.value = (
    <Ask title={t('deleteAccount', { name })} action={t('delete')} isLast act={act}>
      <p class="dim">{t('deleteAccountMeans')}</p>
    </Ask>
  );
}

/** One's own. */
export function askPassword(): void {
  const fields = (): Entry[] => [
    { name: 'password', label: t('oldPassword'), kind: 'password' },
    { name: 'new_password', label: t('newPassword'), kind: 'password', help: t('passwordMeans') },
  ];
  asked.value = (
    <Ask title={t('changePassword')} action={t('save')} fields={fields} act={calls.changePassword}>
      <p class="dim">{t('changePasswordMeans')}</p>
    </Ask>
  );
}

export function Accounts() {
  const resource = useResource(async () => {
    const [accounts, methods] = await Promise.all([calls.accounts(), calls.signInMethods()]);
    return { list: counted('accounts', accounts), hasProvider: (methods?.oidc ?? null) !== null };
  }, 'accounts');
  const list = resource.data.value?.list;
  const hasProvider = resource.data.value?.hasProvider ?? false;
  if (!list) return <Trouble of={resource} />;
  return (
    <Section
      id="accounts"
      title={t('accounts')}
      end={
        <button type="button" onClick={() => askNewAccount(hasProvider, resource.reload)}>
          {t('newAccount')}
        </button>
      }
    >
      <Trouble of={resource} />
      {list.length === 0 ? (
        <>
          <p class="note">{t('noAccounts')}</p>
          <Command label={t('accounts')}>peercron account add ops --role owner</Command>
        </>
      ) : (
        <ListTable
          caption={t('accounts')}
          heads={[t('account'), t('role'), t('jobs'), t('signsIn'), numeric(t('lastSignIn'))]}
          acts
        >
          {list.map((account) => (
            <tr key={account.name}>
              <td class="name">{account.name}</td>
              <td>{account.role}</td>
              <Tags tags={account.tags} />
              <SignsIn account={account} />
              <td class="num push" data-l={t('lastSignIn')}>{when(account.signed_in_at)}</td>
              <td class="act">
                <Menu
                  name={account.name}
                  items={[
                    { label: t('change…'), act: () => askChangeAccount(account, hasProvider, resource.reload) },
                    { label: t('delete…'), act: () => askDeleteAccount(account, resource.reload) },
                  ]}
                />
              </td>
            </tr>
          ))}
        </ListTable>
      )}
    </Section>
  );
}

/** The only time that the token itself is seen. */
function NewToken({ token }: { token: Token & { token: string } }) {
  return (
    <Dialog label={t('tokenOf', { name: token.name })} className="palette ask">
      <div class="form">
        <h2>{t('tokenOf', { name: token.name })}</h2>
        <p class="dim">{t('shownOnce')}</p>
        <Command label={t('token')}>{token.token}</Command>
        <div class="buttons">
          {navigator.clipboard && (
            <button type="button" class="first" onClick={() => void navigator.clipboard.writeText(token.token)}>
              {t('copy')}
            </button>
          )}
          <button type="button" onClick={closeDialog}>
            {t('close')}
          </button>
        </div>
      </div>
    </Dialog>
  );
}

function askNewToken(done: Done): void {
  const role = isFirst() ? 'owner' : 'read';
  const fields = [
    { name: 'name', label: t('name') },
    ...roleAndTags(role, []),
    { name: 'expires', label: t('expires'), kind: 'moment', initial: '90d', help: t('expiresMeans') } satisfies Entry,
  ];
  const act = async ({ expires, ...values }: Values) => {
    const token = await calls.addToken({ ...values, ...(expires ? { expires } : {}) });
    asked.value = <NewToken token={token} />;
    await done();
  };
  asked.value = (
    <Ask title={t('newToken')} action={t('add')} fields={withMeaning(fields, role)} act={act}>
      {isFirst() && <p class="dim">{t('firstAccountMeans')}</p>}
    </Ask>
  );
}

function askDeleteToken({ name, used_at }: Token, done: Done): void {
  const act = async () => {
    await calls.deleteToken(name);
    await done();
  };
  asked.value = (
    <Ask title={t('deleteToken', { name })} action={t('delete')} isLast act={act}>
      <p class="dim">{t('deleteTokenMeans', { when: when(used_at) })}</p>
    </Ask>
  );
}

function Expires({ at }: { at: number | null }) {
  if (at === null) return <>{t('never')}</>;
  if (at <= now.value) return <span class="faint">{t('expired')}</span>;
  if (at - now.value < soon) return <span class="slow">{inTime(at - now.value)}</span>;
  return <>{shortTime(at, listZone.value)}</>;
}

export function Tokens() {
  const resource = useResource(async () => ({ list: counted('tokens', await calls.tokens()) }), 'tokens');
  const list = resource.data.value?.list;
  if (!list) return <Trouble of={resource} />;
  return (
    <Section
      id="tokens"
      title={t('tokens')}
      end={
        <button type="button" onClick={() => askNewToken(resource.reload)}>
          {t('newToken')}
        </button>
      }
    >
      <Trouble of={resource} />
      {list.length === 0 ? (
        <>
          <p class="note">{t('noTokens')}</p>
          <Command label={t('tokens')}>peercron token add deploy --role operate --expires 90d</Command>
        </>
      ) : (
        <ListTable
          caption={t('tokens')}
          heads={[t('token'), t('role'), t('jobs'), numeric(t('expires')), numeric(t('lastUsed'))]}
          acts
        >
          {list.map((token) => (
            <tr key={token.name}>
              <td class="name">{token.name}</td>
              <td>{token.role}</td>
              <Tags tags={token.tags} />
              <td class="num" data-l={t('expires')}>
                <Expires at={token.expires_at} />
              </td>
              <td class="num" data-l={t('lastUsed')}>{when(token.used_at)}</td>
              <td class="act">
                <Menu name={token.name} items={[{ label: t('delete…'), act: () => askDeleteToken(token, resource.reload) }]} />
              </td>
            </tr>
          ))}
        </ListTable>
      )}
    </Section>
  );
}
