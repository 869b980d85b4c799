/** The screens of the rail, in its order, with the keys that lead there. */
export const screens = [
  { screen: '', key: 'g n', word: 'now_' },
  { screen: 'jobs', key: 'g j', word: 'jobs' },
  { screen: 'runs', key: 'g r', word: 'runs' },
  { screen: 'timeline', key: 'g t', word: 'timeline' },
  { screen: 'nodes', key: 'g o', word: 'nodes' },
  { screen: 'access', key: 'g a', word: 'access' },
] as const;
