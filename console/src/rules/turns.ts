/** Does something with each item, only some at a time, so that many calls leave room for others. Results are in the items'
    order. The first failure ends it. */
export async function inTurns<T, R>(items: readonly T[], atATime: number, act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let hasFailed = false;
  const work = async () => {
    while (next < items.length && !hasFailed) {
      const mine = next++;
      try {
        results[mine] = await act(items[mine]!);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, work));
  return results;
}
