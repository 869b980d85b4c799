import * as calls from '../api/calls';
import { nameOf } from '../api/names';
import type { Pause } from '../api/types';
import { asked } from '../store/asked';
import { t } from '../store/language';
import { tell } from '../store/live';
import { Ask, given, type Entry, type Values } from './dialog';

/** What it is of: "all jobs", "jobs with the tag db", "backup". */
export function scopeOf(pause: Pause): string {
  if (pause.cron_id !== 0) return nameOf(pause.cron_id);
  return pause.tag === '' ? t('allJobs') : t('jobsOfTag', { tag: pause.tag });
}

/** Asks for a pause: of a tag, or of all jobs. */
export function askPause(tag = ''): void {
  const fields = (): Entry[] => [
    { name: 'tag', label: t('tag'), initial: tag, help: t('pauseTagMeans') },
    { name: 'from', label: t('from'), kind: 'moment', placeholder: t('now'), help: t('pauseFromMeans') },
    { name: 'until', label: t('until'), kind: 'moment', help: t('untilMeans') },
    { name: 'reason', label: t('why'), placeholder: t('keptInLog') },
  ];
  const act = async (values: Values) => {
    await calls.addPause(given(values));
    tell('job');
  };
  asked.value = (
    <Ask title={t('pauseJobs')} action={t('pause_')} fields={fields} act={act}>
      <p class="dim">{t('pauseMeans')}</p>
    </Ask>
  );
}

/** Asks whether one is to be over. */
export function askEnd(pause: Pause): void {
  const act = async () => {
    await calls.endPause(pause.id);
    tell('job');
  };
  asked.value = (
    <Ask title={t('endPauseOf', { what: scopeOf(pause) })} action={t('endPause')} act={act}>
      <p class="dim">{t('endPauseMeans')}</p>
    </Ask>
  );
}
