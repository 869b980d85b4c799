import { render } from 'preact';

import { Banners } from './parts/banners';
import { KeyList } from './parts/key_list';
import { Head } from './parts/page';
import { Palette } from './parts/palette';
import { Rail } from './parts/rail';
import { AccessScreen } from './screens/access';
import { JobScreen } from './screens/job';
import { NewJobScreen } from './screens/job_definition';
import { JobsScreen } from './screens/jobs';
import { NodesScreen } from './screens/nodes';
import { NowScreen } from './screens/now';
import { PausesScreen } from './screens/pauses';
import { RunScreen } from './screens/run';
import { RunsScreen } from './screens/runs';
import { SignIn } from './screens/sign_in';
import { TimelineScreen } from './screens/timeline';
import { asked, said } from './store/asked';
import { startClock } from './store/clock';
import { watchHealth } from './store/health';
import { listenToKeys, useKeys } from './store/keys';
import { t } from './store/language';
import { followEvents } from './store/live';
import { followLinks, go, goWhereWanted, href, route } from './store/route';
import { screens } from './store/screens';
import { may, needsToken } from './store/session';
import { applyTheme } from './store/theme';
import { switchZone } from './store/zone';

function Screen() {
  const { screen, name } = route.value;
  switch (screen) {
    case '':
      return <NowScreen />;
    case 'jobs':
      return <JobsScreen />;
    case 'job':
      return <JobScreen key={name} />;
    case 'new':
      return <NewJobScreen />;
    case 'run':
      return <RunScreen key={name} />;
    case 'runs':
      return <RunsScreen />;
    case 'timeline':
      return <TimelineScreen />;
    case 'pauses':
      return <PausesScreen />;
    case 'nodes':
      return <NodesScreen />;
    case 'access':
      return <AccessScreen />;
    default:
      return (
        <>
          <Head title={t('noSuchPage')} />
          <p class="note">
            <a href={href('')}>{t('now_')}</a>
          </p>
        </>
      );
  }
}

function Said() {
  return (
    <div class={said.value === null ? 'hide' : 'said'} role="status">
      {said.value}{' '}
      {said.value !== null && (
        <button type="button" class="plain" onClick={() => (said.value = null)}>
          {t('close')}
        </button>
      )}
    </div>
  );
}

function App() {
  const keys = {
    '?': () => (asked.value = <KeyList />),
    'Ctrl k': () => (asked.value = <Palette />),
    z: switchZone,
    n: may('admin') ? () => go(href('new')) : undefined,
    ...Object.fromEntries(screens.map((one) => [one.key, () => go(href(one.screen))])),
  };
  useKeys(keys, 'below');
  if (needsToken.value) return <SignIn />;
  return (
    <>
      <a class="skip" href="#main">
        {t('skip')}
      </a>
      <Rail />
      <div class="column">
        <Banners />
        <main id="main">
          <Screen />
        </main>
        <Said />
      </div>
      {asked.value}
    </>
  );
}

applyTheme();
goWhereWanted();
startClock();
followLinks();
listenToKeys();
watchHealth();
void followEvents();
document.querySelector('noscript')?.remove();
render(<App />, document.getElementById('app')!);
