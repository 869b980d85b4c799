import { useSignal } from '@preact/signals';

import * as calls from '../api/calls';
import { nameOf } from '../api/names';
import type { BriefRun, Job, Why } from '../api/types';
import { ListTable } from '../parts/list_table';
import { Loaded } from '../parts/page';
import { RunState } from '../parts/state';
import { parseMoment, writtenMoment } from '../rules/times';
import { t } from '../store/language';
import { useResource } from '../store/resource';
import { go, hereWith, route, runHref } from '../store/route';
import { zoneOf } from '../store/zone';

function RunLine({ run, word }: { run: BriefRun; word: string }) {
  return (
    <p class="note">
      {word} <a href={runHref(run.id)}>{t('runNumber', { id: String(run.id) })}</a> <RunState run={run} />
    </p>
  );
}

function Answer({ why, zone }: { why: Why; zone: string }) {
  const step = (at: number | null, word: 'fireBefore' | 'fireAfter') =>
    at !== null && (
      <a class="button" href={hereWith({ at: writtenMoment(at, zone) })}>
        {t(word)}
      </a>
    );
  return (
    <section>
      <p class="answer">{why.answer}</p>
      {why.run && <RunLine run={why.run} word={t('itsRun')} />}
      {why.blocker && <RunLine run={why.blocker} word={t('inItsWay')} />}
      <ListTable caption={t('checks')} heads={[t('check'), t('because')]} className="fold spaced">
        {why.facts.map((fact) => (
          <tr key={fact.about}>
            <td class="fit">{fact.about}</td>
            <td class="full">{fact.text}</td>
          </tr>
        ))}
      </ListTable>
      <div class="pages">
        {step(why.previous_fire_at, 'fireBefore')}
        {step(why.next_fire_at, 'fireAfter')}
      </div>
    </section>
  );
}

export function WhyTab({ job }: { job: Job }) {
  const zone = zoneOf(job.zone ?? job.time_zone);
  const given = route.value.query.get('at') ?? '';
  const at = given === '' ? undefined : parseMoment(given, zone);
  const error = useSignal('');
  const resource = useResource(async () => ({ why: await calls.why(job.id, at) }), `${job.id} ${at ?? ''}`);
  const shown = given || (resource.data.value?.why ? writtenMoment(resource.data.value.why.at, zone) : '');
  const ask = (event: SubmitEvent) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget as HTMLFormElement).get('at'));
    if (parseMoment(text, zone) === undefined) {
      error.value = t('badMoment', { text });
      return;
    }
    error.value = '';
    go(hereWith({ at: text }));
  };
  return (
    <>
      <form class="bar" onSubmit={ask} key={shown}>
        <label for="at">{t('whyAt')}</label>
        <span class="field">
          <input
            id="at"
            name="at"
            type="text"
            defaultValue={shown}
            placeholder="2026-11-24 02:30:00"
            aria-invalid={error.value !== ''}
            aria-describedby={error.value === '' ? undefined : 'at-error'}
          />
          {error.value !== '' && (
            <p class="error" id="at-error" role="alert">
              {error.value}
            </p>
          )}
        </span>
        <button type="submit">{t('ask')}</button>
        <span class="end mono">
          peercron why {nameOf(job.id, job.name)} {shown && `'${shown}'`}
        </span>
      </form>
      <Loaded of={resource}>
        {({ why }) => (why ? <Answer why={why} zone={zone} /> : <p class="note">{t('tooOld')}</p>)}
      </Loaded>
    </>
  );
}
