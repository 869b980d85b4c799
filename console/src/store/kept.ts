import { signal, type Signal } from '@preact/signals';

/** A choice of the reader that this browser keeps; never a secret. */
export function kept<T extends string>(name: string, allowed: readonly T[], otherwise: T): Signal<T> {
  const key = `peercron.${name}`;
  const choice = signal(read(key, allowed, otherwise));
  choice.subscribe((value) => {
    try {
      if (value === otherwise) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // The browser keeps nothing for this page: the choice holds as long as the tab.
    }
  });
  return choice;
}

function read<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
  try {
    const found = localStorage.getItem(key) as T | null;
    return found !== null && allowed.includes(found) ? found : otherwise;
  } catch {
    return otherwise;
  }
}
