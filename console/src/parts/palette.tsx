import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ComponentChild } from 'preact';

import * as calls from '../api/calls';
import { nameOf, rememberNames } from '../api/names';
import type { Job, Tag } from '../api/types';
import { lookOfJob } from '../rules/states';
import { accessViews } from '../store/access_views';
import { closeDialog } from '../store/asked';
import { language, t } from '../store/language';
import { go, href, jobHref, runHref } from '../store/route';
import { screens } from '../store/screens';
import { may } from '../store/session';
import { switchTheme } from '../store/theme';
import { switchZone } from '../store/zone';
import { Dialog } from './dialog';
import { askRunNow, askStart, askStop, isHeld } from './job_actions';
import { askPause } from './pause_actions';
import { Mark } from './state';

interface Choice {
  group: string;
  label: ComponentChild;
  detail?: string;
  mark?: ComponentChild;
  key?: string;
  act: () => void;
}

/** The part that was typed is bold. */
function marked(text: string, typed: string): ComponentChild {
  const at = text.toLowerCase().indexOf(typed.toLowerCase());
  if (typed === '' || at < 0) return text;
  return (
    <span>
      {text.slice(0, at)}
      <b>{text.slice(at, at + typed.length)}</b>
      {text.slice(at + typed.length)}
    </span>
  );
}

function jobChoices(jobs: readonly Job[], typed: string): Choice[] {
  return jobs.map((job) => {
    const look = lookOfJob(job);
    return {
      group: t('jobs'),
      label: marked(nameOf(job.id, job.name), typed),
      detail: [t(look.word), ...(job.tags ?? [])].join(' · '),
      mark: <Mark look={look} />,
      act: () => go(jobHref(job)),
    };
  });
}

const runs = <Mark look={{ mark: 'running', tone: 'run', word: 'running' }} />;
const stops = <Mark look={{ mark: 'stopped', tone: '', word: 'stopped' }} />;

function actionChoices(job: Job | undefined): Choice[] {
  if (!job || !may('operate')) return [];
  const name = nameOf(job.id, job.name);
  const group = t('actions');
  const stopOrStart: Choice =
    isHeld(job)
      ? { group, label: t('startJob', { name }), mark: runs, act: () => askStart(job) }
      : { group, label: `${t('stopJob', { name })}…`, key: 's', mark: stops, act: () => askStop(job) };
  return [{ group, label: `${t('runJobNow', { name })}…`, key: 'r', mark: runs, act: () => askRunNow(job) }, stopOrStart];
}

const mostTags = 2;

/** Of the tags with that in their names: their jobs, and what can be done with these at once. */
function tagChoices(tags: readonly Tag[], typed: string): Choice[] {
  const wanted = typed.toLowerCase();
  const found = typed === '' ? [] : tags.filter((tag) => tag.name.toLowerCase().includes(wanted)).slice(0, mostTags);
  return found.flatMap(({ name, jobs }) => {
    const detail = t('nJobs', { n: jobs });
    const list: Choice = { group: t('pages'), label: t('jobsWithTag', { tag: name }), detail, act: () => go(href('jobs', { tag: name })) };
    const pause: Choice = { group: t('actions'), label: t('pauseTag…', { tag: name }), detail, mark: stops, act: () => askPause(name) };
    return may('operate') ? [pause, list] : [list];
  });
}

function pageChoices(typed: string): Choice[] {
  const group = t('pages');
  const wanted = typed.toLowerCase();
  const pages: Choice[] = screens.map((one) => ({
    group,
    label: t(one.word),
    key: one.key,
    act: () => go(href(one.screen)),
  }));
  pages.push({ group, label: t('pauses'), act: () => go(href('pauses')) });
  if (may('operate')) pages.push({ group, label: t('pauseJobs…'), act: () => askPause() });
  for (const one of accessViews.filter(({ role }) => may(role))) {
    pages.push({ group, label: t(one.word), act: () => go(href('access', { view: one.view })) });
  }
  if (may('admin')) pages.push({ group, label: t('newJob'), key: 'n', act: () => go(href('new')) });
  pages.push(
    { group, label: t('switchZone'), key: 'z', act: switchZone },
    { group, label: t('switchTheme'), act: switchTheme },
    { group, label: language.value === 'en' ? '中文' : 'English', act: () => (language.value = language.value === 'en' ? 'zh' : 'en') },
  );
  const matching = pages.filter((page) => String(page.label).toLowerCase().includes(wanted));
  if (/^\d+$/.test(typed)) {
    matching.unshift({ group, label: t('runNumber', { id: typed }), act: () => go(runHref(Number(typed))) });
  }
  return matching;
}

const pause = 120;

/** Everything by its name: jobs, runs by number, pages, what can be done with the job found first. */
export function Palette() {
  const typed = useSignal('');
  const jobs = useSignal<Job[]>([]);
  const tags = useSignal<readonly Tag[]>([]);
  const at = useSignal(0);
  const list = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let isOver = false;
    const timer = setTimeout(() => {
      const search = typed.value.trim();
      calls.jobs({ limit: 8, page: 1, ...(search === '' ? { sort: 'state' } : { search }) }).then(
        (found) => {
          if (isOver) return;
          rememberNames(found.list);
          jobs.value = found.list;
          at.value = 0;
        },
        () => undefined, // pages can be reached all the same
      );
    }, pause);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [typed.value]);

  useEffect(() => {
    calls.tags().then((found) => (tags.value = found ?? []), () => undefined);
  }, []);

  const search = typed.value.trim();
  const choices = [
    ...jobChoices(jobs.value, search),
    ...actionChoices(search === '' ? undefined : jobs.value[0]),
    ...tagChoices(tags.value, search),
    ...pageChoices(search),
  ];
  const groups = [...new Set(choices.map((choice) => choice.group))];
  const chosen = Math.min(at.value, choices.length - 1);

  const take = (choice: Choice | undefined) => {
    closeDialog();
    choice?.act();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') at.value = Math.min(chosen + 1, choices.length - 1);
    else if (event.key === 'ArrowUp') at.value = Math.max(chosen - 1, 0);
    else if (event.key === 'Enter' && !event.isComposing) take(choices[chosen]);
    else return;
    event.preventDefault();
    list.current?.querySelector(`#choice-${at.value}`)?.scrollIntoView({ block: 'nearest' });
  };
  return (
    <Dialog label={t('goToAnything')} className="palette">
      <label class="hide" for="palette">
        {t('paletteLabel')}
      </label>
      <input
        id="palette"
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="choices"
        aria-activedescendant={choices.length > 0 ? `choice-${chosen}` : undefined}
        autocomplete="off"
        placeholder={t('paletteLabel')}
        value={typed.value}
        onInput={(event) => (typed.value = event.currentTarget.value)}
        onKeyDown={onKey}
      />
      <div id="choices" role="listbox" aria-label={t('results')} ref={list} class="choices">
        {groups.map((group, number) => (
          <div key={group} role="group" aria-labelledby={`group-${number}`}>
            <h3 id={`group-${number}`} role="presentation">
              {group}
            </h3>
            {choices.map((choice, index) =>
              choice.group !== group ? null : (
                <div
                  key={index}
                  role="option"
                  id={`choice-${index}`}
                  aria-selected={index === chosen}
                  onPointerMove={() => (at.value = index)}
                  onClick={() => take(choice)}
                >
                  {choice.mark}
                  <span>{choice.label}</span>
                  {choice.detail && <span class="dim">{choice.detail}</span>}
                  {choice.key ? <kbd>{choice.key}</kbd> : index === chosen && <kbd>⏎</kbd>}
                </div>
              ),
            )}
          </div>
        ))}
      </div>
      <div class="foot">
        <span>
          <kbd>↑ ↓</kbd> {t('choose')}
        </span>
        <span>
          <kbd>⏎</kbd> {t('open')}
        </span>
        <span>
          <kbd>Esc</kbd> {t('close_')}
        </span>
      </div>
    </Dialog>
  );
}
