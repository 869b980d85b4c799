/** Elapsed against usual: the tick is the usual, at 60 % of the width. */
export function Gauge({ elapsed, usual, label }: { elapsed: number; usual: number; label: string }) {
  const width = Math.min(100, (60 * elapsed) / Math.max(1, usual));
  const done = Math.min(60, width);
  return (
    <svg class="gauge" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="rail-line" y="3" width="100" height="6" />
      <rect class="done" y="3" width={done.toFixed(1)} height="6" />
      {width > 60 && <rect class="over" x="60" y="3" width={(width - 60).toFixed(1)} height="6" />}
      <path class="usual" d="M60 0v12" />
    </svg>
  );
}

/** How many of the slots are in use. */
export function Slots({ used, of, label }: { used: number; of: number; label: string }) {
  return (
    <svg class="gauge" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={label}>
      <rect class="rail-line" y="3" width="100" height="6" />
      <rect class="used" y="3" width={Math.min(100, (100 * used) / Math.max(1, of)).toFixed(1)} height="6" />
    </svg>
  );
}
