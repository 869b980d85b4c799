import { asked } from '../store/asked';
import { signOut } from '../store/health';
import { language, t } from '../store/language';
import { href, route } from '../store/route';
import { screens } from '../store/screens';
import { askAgain, caller, isSignedIn, needsToken } from '../store/session';
import { listZone, pageZone, switchZone } from '../store/zone';
import { KeyList } from './key_list';
import { Palette } from './palette';

/** The screen of the rail that a page belongs to. */
const belongsTo: Record<string, string> = { job: 'jobs', new: 'jobs', pauses: 'jobs', run: 'runs' };

export function Brand() {
  return (
    <>
      <svg viewBox="0 0 18 18" aria-hidden="true">
        <circle cx="9" cy="9" r="7.25" fill="none" stroke="currentColor" stroke-width="1.5" />
        <path
          d="M9 4.75V9l3.25 1.9"
          fill="none"
          stroke="currentColor"
          stroke-width="1.5"
          stroke-linecap="round"
          stroke-linejoin="round"
        />
      </svg>
      peercron
    </>
  );
}

function switchLanguage(): void {
  language.value = language.value === 'en' ? 'zh' : 'en';
}

function Who() {
  const who = caller.value;
  if (!who) return null;
  if (!who.tokens) {
    return (
      <p>
        {t('anonymous', { role: who.role })}
        {who.role !== 'owner' && (
          <>
            <br />
            <button type="button" class="link" onClick={askAgain}>
              {t('signIn')}
            </button>
          </>
        )}
      </p>
    );
  }
  return (
    <p>
      {t('signedInAs', { name: who.name, role: who.role })}
      {isSignedIn() && (
        <>
          <br />
          <button type="button" class="link" onClick={() => void signOut()}>
            {t('signOut')}
          </button>
        </>
      )}
    </p>
  );
}

export function Rail() {
  const { screen } = route.value;
  const here = belongsTo[screen] ?? screen;
  return (
    <header class="rail">
      <div>
        <a class="brand" href={href('')}>
          <Brand />
        </a>
        <nav aria-label={t('screens')}>
          {screens.map((one) => (
            <a key={one.screen} href={href(one.screen)} aria-current={one.screen === here ? 'page' : undefined}>
              {t(one.word)}
              <kbd>{one.key}</kbd>
            </a>
          ))}
        </nav>
        <div class="foot">
          <button type="button" class="key link" onClick={() => (asked.value = <Palette />)}>
            {t('goToAnything')} <kbd>Ctrl K</kbd>
          </button>
          <button type="button" class="key link" onClick={() => (asked.value = <KeyList />)}>
            {t('keys')} <kbd>?</kbd>
          </button>
          <p>
            {t('timesIn', { zone: pageZone.value || listZone.value })}
            <br />
            <button type="button" class="key link" onClick={switchZone}>
              {t('switchZone')} <kbd>z</kbd>
            </button>
          </p>
          <p>
            <button type="button" class="key link" lang={language.value === 'en' ? 'zh' : 'en'} onClick={switchLanguage}>
              {language.value === 'en' ? '中文' : 'English'}
            </button>
          </p>
          {!needsToken.value && <Who />}
        </div>
      </div>
    </header>
  );
}
