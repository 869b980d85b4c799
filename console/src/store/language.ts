import type { ComponentChild, ComponentChildren } from 'preact';

import { chineseUnits, words, type Word } from '../words';
import * as durations from '../rules/durations';
import { chineseCalendar, englishCalendar, type Calendar } from '../rules/times';
import { kept } from './kept';

export const languages = ['en', 'zh'] as const;

const preferred = navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';

export const language = kept('language', languages, preferred);

type Params = Record<string, string | number>;
type RichParams = Record<string, ComponentChild>;

function template(word: Word): string {
  return words[word][language.value === 'zh' ? 1 : 0];
}

/** "1,204" */
export function grouped(number: number): string {
  return number.toLocaleString('en-US');
}

// {name}, or {name|job|jobs}: the one for 1, the other for the rest.
const place = /\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g;

function filled(params: Record<string, unknown>, name: string, one?: string, many?: string): unknown {
  if (one !== undefined) return params[name] === 1 ? one : many;
  const value = params[name];
  return typeof value === 'number' ? grouped(value) : value;
}

/** A text in the reader's language. */
export function t(word: Word, params: Params = {}): string {
  return template(word).replace(place, (_, name, one, many) => String(filled(params, name, one, many)));
}

/** The same with links and other elements in it. */
export function tx(word: Word, params: RichParams): ComponentChildren {
  const text = template(word);
  const parts: ComponentChild[] = [];
  let last = 0;
  for (const found of text.matchAll(place)) {
    parts.push(text.slice(last, found.index), filled(params, found[1]!, found[2], found[3]) as ComponentChild);
    last = found.index + found[0].length;
  }
  parts.push(text.slice(last));
  return parts;
}

const small = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten', 'Eleven', 'Twelve'];

/** A number at the head of a sentence: "Two", "1,204". */
export function spelled(number: number): string {
  return language.value === 'en' ? (small[number] ?? grouped(number)) : grouped(number);
}

/** The same within a sentence. */
export function spelledInside(number: number): string {
  return spelled(number).toLowerCase();
}

function units(): durations.Units {
  return language.value === 'zh' ? chineseUnits : durations.englishUnits;
}

export function calendar(): Calendar {
  return language.value === 'zh' ? chineseCalendar : englishCalendar;
}

export const duration = (millis: number) => durations.duration(millis, units());
export const usual = (millis: number) => durations.usual(millis, units());
export const elapsed = (millis: number) => durations.elapsed(millis, units());
export const coarse = (millis: number) => durations.coarse(millis, units());
export const inTime = (millis: number) => (millis < 1000 ? t('now') : t('in', { time: coarse(millis) }));
export const ago = (millis: number) => t('ago', { time: coarse(millis) });

/** A sentence of the node's that begins one here. */
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A schedule in words, and its zone; "" where it has none. */
export function scheduleWords(words: string, zone: string): string {
  return zone === '' ? capital(words) : t('scheduleIn', { words: capital(words), zone });
}

/** "12 KiB" */
export function size(bytes: number): string {
  const steps = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < steps.length - 1) {
    value /= 1024;
    ++step;
  }
  const digits = step === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits).replace(/\.0$/, '')} ${steps[step]}`;
}
