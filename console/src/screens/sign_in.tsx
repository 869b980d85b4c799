import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';

import { ApiError } from '../api/client';
import * as calls from '../api/calls';
import { Brand } from '../parts/rail';
import { explanation } from '../parts/page';
import { askWhoCalls } from '../store/health';
import { tell } from '../store/live';
import { t } from '../store/language';
import { comeBackHere } from '../store/route';
import { askAgain, letIn, useToken } from '../store/session';

/** By name and password, which begin a session; or by a token, which is kept in this tab's memory alone. */
export function SignIn() {
  const given = useSignal('');
  const name = useSignal('');
  const password = useSignal('');
  const error = useSignal('');
  const provider = useSignal<string | null>(null);
  useEffect(() => {
    calls.signInMethods().then(
      (methods) => (provider.value = methods?.oidc ?? null),
      () => undefined, // there is the password
    );
  }, []);
  const leave = async () => {
    try {
      const { url } = await calls.startOidc();
      comeBackHere();
      location.assign(url);
    } catch (failed) {
      if (!(failed instanceof ApiError)) throw failed;
      error.value = explanation(failed);
    }
  };
  const submit = async (event: Event) => {
    event.preventDefault();
    const isByToken = given.value.trim() !== '';
    useToken(given.value.trim());
    try {
      if (!isByToken) await calls.signIn(name.value.trim(), password.value);
      await calls.nodes();
      await askWhoCalls();
      letIn();
      (['run', 'job', 'node', 'health'] as const).forEach((topic) => tell(topic));
    } catch (failed) {
      if (!(failed instanceof ApiError)) throw failed;
      askAgain();
      error.value = failed.status === 401 && isByToken ? t('tokenUnknown') : explanation(failed);
    }
  };
  return (
    <main id="main" class="alone">
      <div class="sign">
        <p class="brand">
          <Brand />
        </p>
        <h1>{t('signInTo', { host: location.host })}</h1>
        {provider.value !== null && (
          <div>
            <button type="button" id="provider" class="first" onClick={() => void leave()}>
              {t('signInBy', { name: provider.value })}
            </button>
          </div>
        )}
        <form class="form" novalidate onSubmit={(event) => void submit(event)}>
          <div class="field">
            <label for="name">{t('name')}</label>
            <input
              id="name"
              autocomplete="username"
              value={name.value}
              onInput={(input) => (name.value = input.currentTarget.value)}
            />
          </div>
          <div class="field">
            <label for="password">{t('password')}</label>
            <input
              id="password"
              type="password"
              autocomplete="current-password"
              value={password.value}
              onInput={(input) => (password.value = input.currentTarget.value)}
            />
          </div>
          <div class="field">
            <label for="token">{t('orToken')}</label>
            <input
              id="token"
              type="password"
              autocomplete="off"
              value={given.value}
              aria-invalid={error.value !== '' || undefined}
              aria-describedby="token-help"
              onInput={(input) => (given.value = input.currentTarget.value)}
            />
            {error.value !== '' ? (
              <p class="error" id="token-help" role="alert">
                <svg class="mark bad" aria-hidden="true">
                  <use href="#m-failed" />
                </svg>{' '}
                <span>{error.value}</span>
              </p>
            ) : (
              <p class="help" id="token-help">
                {t('tokenKept')}
              </p>
            )}
          </div>
          <div>
            <button type="submit" class={provider.value === null ? 'first' : undefined}>
              {t('signIn')} <kbd>⏎</kbd>
            </button>
          </div>
        </form>
        <div class="dim">
          <p>{t('noTokenYet')}</p>
          <pre class="cmd" tabIndex={0} role="region" aria-label={t('tokens')}>
            {'peercron account add ada --role operate'}
          </pre>
        </div>
      </div>
    </main>
  );
}
