import { kept } from './kept';

/** "system" leaves it to the system. */
const themes = ['system', 'light', 'dark'] as const;

const theme = kept('theme', themes, 'system');

export function applyTheme(): void {
  theme.subscribe((chosen) => {
    if (chosen === 'system') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
  });
}

export function switchTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length]!;
}
