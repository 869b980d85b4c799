import { t } from '../store/language';
import type { Word } from '../words';
import { Dialog } from './dialog';

const keys: [string, Word][] = [
  ['/', 'keySearch'],
  ['j k', 'keyRows'],
  ['⏎', 'keyOpen'],
  ['x', 'keySelect'],
  ['r', 'keyRun'],
  ['s', 'keyStop'],
  ['e', 'keyEdit'],
  ['n', 'keyNew'],
  ['u', 'keyUpdate'],
  ['z', 'keyZone'],
  ['g n', 'keyScreens'],
  ['Ctrl K', 'keyPalette'],
];

export function KeyList() {
  return (
    <Dialog label={t('keys')} className="palette ask">
      <h2>{t('keys')}</h2>
      <dl class="keys">
        {keys.map(([key, word]) => (
          <>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{t(word)}</dd>
          </>
        ))}
      </dl>
    </Dialog>
  );
}
