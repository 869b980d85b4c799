import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

import { t } from '../store/language';

export interface MenuItem {
  label: string;
  act: () => void;
}

/** "···": more that can be done with something. */
export function Menu(props: { name: string; items: readonly MenuItem[]; children?: ComponentChildren }) {
  const isOpen = useSignal(false);
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!isOpen.value) return undefined;
    element.current?.querySelector<HTMLButtonElement>('[role="menuitem"]')?.focus();
    const onPointer = (event: Event) => {
      if (!element.current?.contains(event.target as Node)) isOpen.value = false;
    };
    document.addEventListener('pointerdown', onPointer);
    return () => document.removeEventListener('pointerdown', onPointer);
  }, [isOpen.value]);
  if (props.items.length === 0) return null;

  const onKey = (event: KeyboardEvent) => {
    const items = [...(element.current?.querySelectorAll<HTMLButtonElement>('[role="menuitem"]') ?? [])];
    const at = items.indexOf(document.activeElement as HTMLButtonElement);
    if (event.key === 'Escape' && isOpen.value) {
      isOpen.value = false;
      element.current?.querySelector<HTMLButtonElement>('.dots')?.focus();
    } else if (event.key === 'ArrowDown') items[(at + 1) % items.length]?.focus();
    else if (event.key === 'ArrowUp') items[(at + items.length - 1) % items.length]?.focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div class="menu" ref={element} onKeyDown={onKey}>
      <button
        type="button"
        class="dots"
        aria-label={t('moreFor', { name: props.name })}
        aria-haspopup="menu"
        aria-expanded={isOpen.value}
        onClick={() => (isOpen.value = !isOpen.value)}
      >
        ···
      </button>
      {isOpen.value && (
        <div role="menu">
          {props.items.map((item) => (
            <button
              key={item.label}
              type="button"
              role="menuitem"
              onClick={() => {
                isOpen.value = false;
                item.act();
              }}
            >
              {item.label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}
