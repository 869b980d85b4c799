import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';

import { parseLines, splitLines, type Line } from '../rules/ansi';
import { fold } from '../rules/output';
import { grouped, size, t } from '../store/language';
import { useKeys } from '../store/keys';
import { ActionButton } from './action_button';

function OutputLine({ line, number, isTail }: { line: Line; number: number; isTail: boolean }) {
  return (
    <span data-n={number} class={isTail ? 'tail' : undefined}>
      {line.map((piece, index) => (piece.style === '' ? piece.text : <span key={index} class={piece.style}>{piece.text}</span>))}
      {'\n'}
    </span>
  );
}

async function copy(text: string): Promise<void> {
  await navigator.clipboard?.writeText(text);
}

/** The text alone in a tab of its own, as text. */
async function openText(read: () => Promise<string>): Promise<void> {
  const tab = window.open('', '_blank'); // later the browser would take it for an advertisement
  const address = URL.createObjectURL(new Blob([await read()], { type: 'text/plain;charset=utf-8' }));
  if (tab) tab.location.href = address;
}

/** What a command wrote: text, never markup, with at most 200 lines of it until one asks for more.
    @param parts one text, or two with `dropped` characters missing between them
    @param live it still grows */
export function Output(props: { parts: readonly string[]; dropped: number; bytes: number; live: boolean; raw: () => Promise<string> }) {
  const more = useSignal(0);
  const wraps = useSignal(false);
  const follows = useSignal(true);
  const box = useRef<HTMLPreElement>(null);
  const head = useMemo(() => splitLines(props.parts[0] ?? ''), [props.parts[0]]);
  const rest = useMemo(() => splitLines(props.parts[1] ?? ''), [props.parts[1]]);
  const lines = [...head, ...rest];
  const shown = fold(lines.length, more.value);
  const isFollowing = props.live && follows.value;

  useKeys({ w: () => (wraps.value = !wraps.value), f: props.live ? () => (follows.value = !follows.value) : undefined });
  useLayoutEffect(() => {
    if (isFollowing && box.current) box.current.scrollTop = box.current.scrollHeight;
  });
  useEffect(() => {
    // Scrolling up stops following.
    const element = box.current;
    if (!element || !props.live) return undefined;
    const onScroll = () => {
      const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
      if (follows.value !== isAtEnd) follows.value = isAtEnd;
    };
    element.addEventListener('scroll', onScroll);
    return () => element.removeEventListener('scroll', onScroll);
  }, [props.live]);

  const numbered = (from: number, to: number) =>
    parseLines(lines.slice(from, to)).map((line, index) => (
      <OutputLine key={from + index} line={line} number={from + index + 1} isTail={props.live && from + index === lines.length - 1} />
    ));
  const gapAt = props.dropped > 0 ? head.length : -1;
  const gap = <span class="fold">{t('droppedHere', { size: size(props.dropped) })}</span>;
  const withGap = (from: number, to: number) =>
    gapAt > from && gapAt <= to ? [...numbered(from, gapAt), gap, ...numbered(gapAt, to)] : numbered(from, to);

  return (
    <>
      <div class="sub">
        <h2>{t('output')}</h2>
        <span class="dim">
          {t('linesAndSize', { n: lines.length, size: size(props.bytes) })}
          {props.live && `, ${t('live')}`}
        </span>
        <span class="end">
          {props.live && (
            <>
              <button type="button" aria-pressed={follows.value} onClick={() => (follows.value = !follows.value)}>
                {t('following')} <kbd>f</kbd>
              </button>{' '}
            </>
          )}
          <button type="button" class="plain" aria-pressed={wraps.value} onClick={() => (wraps.value = !wraps.value)}>
            {t('wrap')} <kbd>w</kbd>
          </button>{' '}
          <button type="button" class="plain" onClick={() => void copy(props.parts.join('\n'))}>
            {t('copy')}
          </button>{' '}
          <ActionButton className="plain" act={() => openText(props.raw)}>
            {t('raw')}
          </ActionButton>
        </span>
      </div>
      {lines.length === 0 ? (
        <p class="note">{t(props.live ? 'noOutputYet' : 'noOutput')}</p>
      ) : (
        <pre ref={box} class={`output${wraps.value ? ' wrap' : ''}${props.live ? ' live' : ''}`} tabIndex={0} role="region" aria-label={t('output')}>
          {withGap(0, shown.head)}
          {shown.hidden > 0 && (
            <span class="fold">
              {t('linesFolded', { n: shown.hidden, number: grouped(shown.hidden) })}{' '}
              <button type="button" class="plain" onClick={() => (more.value += 200)}>
                {t('show200')}
              </button>{' '}
              <button type="button" class="plain" onClick={() => (more.value = lines.length)}>
                {t('showAll')}
              </button>
            </span>
          )}
          {shown.hidden > 0 && withGap(shown.tail, lines.length)}
        </pre>
      )}
    </>
  );
}
