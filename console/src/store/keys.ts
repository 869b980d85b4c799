import { useEffect, useRef } from 'preact/hooks';

/** What a key does: by its name, "j", or two after each other, "g n". */
export type KeyMap = Record<string, (() => void) | undefined>;

/** The innermost is the last: what lies on top of a screen comes first. */
const stack: { current: KeyMap }[] = [];

let prefix = '';

/** @param place below: for keys that everything else may have for itself */
export function useKeys(keys: KeyMap, place: 'above' | 'below' = 'above'): void {
  const mine = useRef(keys);
  mine.current = keys;
  useEffect(() => {
    if (place === 'above') stack.push(mine);
    else stack.unshift(mine);
    return () => void stack.splice(stack.indexOf(mine), 1);
  }, []);
}

function isTyping(target: EventTarget | null): boolean {
  const element = target as HTMLElement | null;
  if (!element || element.isContentEditable) return element !== null;
  if (element.tagName === 'INPUT') return !['checkbox', 'radio', 'button'].includes((element as HTMLInputElement).type);
  return ['TEXTAREA', 'SELECT'].includes(element.tagName);
}

function find(name: string): (() => void) | undefined {
  for (let i = stack.length - 1; i >= 0; --i) {
    const action = stack[i]!.current[name];
    if (action) return action;
  }
  return undefined;
}

function onKey(event: KeyboardEvent): void {
  const isCtrl = event.ctrlKey || event.metaKey;
  if (event.altKey || event.isComposing) return;
  if (document.querySelector('dialog[open]')) return; // it has its own
  let name = isCtrl ? `Ctrl ${event.key.toLowerCase()}` : event.key;
  if (isTyping(event.target) && !isCtrl) return;
  if (event.key === 'Enter' && event.target !== document.body) return; // a link or a button has it
  if (prefix !== '') name = `${prefix} ${name}`;
  prefix = '';
  const action = find(name);
  if (action) {
    event.preventDefault();
    action();
  } else if (name === 'g') {
    prefix = 'g';
  }
}

export function listenToKeys(): void {
  document.addEventListener('keydown', onKey);
}
