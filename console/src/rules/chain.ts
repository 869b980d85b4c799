/** Jobs that run after each other: how they are drawn. */

/** A job of a chain. A chain has no circles, but for what somebody made in the database. */
export interface Link {
  id: number;
  name: string; // "" is of no parent, and several may have none
  runAfter: readonly string[]; // names; those that are not in the chain count for nothing
}

/** How many jobs lie between each and a schedule, on the longest way. */
function depths(links: readonly Link[]): Map<number, number> {
  const byName = new Map(links.map((link) => [link.name, link]));
  const known = new Map<number, number>();
  const depthOf = (link: Link): number => {
    const found = known.get(link.id);
    if (found !== undefined) return found;
    known.set(link.id, 0); // the way out of a circle
    const parents = link.runAfter.map((name) => byName.get(name)).filter((parent) => parent !== undefined);
    const depth = parents.length === 0 ? 0 : 1 + Math.max(...parents.map(depthOf));
    known.set(link.id, depth);
    return depth;
  };
  links.forEach(depthOf);
  return known;
}

/** From left to right, each job right of all that it runs after; from top to bottom near these, so that few lines cross. */
export function columns<T extends Link>(links: readonly T[]): T[][] {
  const depth = depths(links);
  const byDepth: T[][] = [];
  for (const link of links) (byDepth[depth.get(link.id)!] ??= []).push(link);
  const found = byDepth.filter((column) => column !== undefined); // in a circle nothing has the least depth
  const place = new Map<string, number>();
  for (const column of found) {
    const height = (link: T) => {
      const places = link.runAfter.map((name) => place.get(name)).filter((one) => one !== undefined);
      return places.length === 0 ? 0 : places.reduce((sum, one) => sum + one, 0) / places.length;
    };
    column.sort((a, b) => height(a) - height(b) || (a.name === b.name ? a.id - b.id : a.name < b.name ? -1 : 1));
    column.forEach((link, index) => place.set(link.name, index / column.length));
  }
  return found;
}

/** About how wide a text is, in pixels of the usual size. */
export function widthOf(text: string): number {
  return [...text].reduce((sum, letter) => sum + (letter.codePointAt(0)! >= 0x2e80 ? 13.5 : 7.4), 0);
}

export interface Placed<T> {
  link: T;
  x: number;
  y: number;
  width: number; // of its texts, with the mark before them
}

export interface Drawing<T> {
  width: number;
  height: number;
  nodes: Placed<T>[];
  edges: { from: T; to: T; d: string }[];
}

const mark = 22; // with the space behind it
const rowHeight = 52;
const between = 64; // columns

/** @param textsOf what stands beside the mark, one line below the other */
export function drawChain<T extends Link>(links: readonly T[], textsOf: (link: T) => readonly string[]): Drawing<T> {
  const cols = columns(links);
  const height = rowHeight * Math.max(...cols.map((column) => column.length));
  const nodes: Placed<T>[] = [];
  let x = 0;
  for (const column of cols) {
    const widths = column.map((link) => mark + Math.ceil(Math.max(...textsOf(link).map(widthOf))));
    column.forEach((link, index) => {
      const y = Math.round((height * (index + 0.5)) / column.length);
      nodes.push({ link, x, y, width: widths[index]! });
    });
    x += Math.max(...widths) + between;
  }
  const placed = new Map(nodes.map((node) => [node.link.name, node]));
  const edges = nodes.flatMap((to) =>
    to.link.runAfter.flatMap((name) => {
      const from = placed.get(name);
      if (!from || from.x >= to.x) return [];
      const begin = from.x + from.width + 6;
      const end = to.x - 8;
      const middle = end - between / 2;
      const d = `M${begin} ${from.y}H${Math.max(begin, end - between)}C${middle} ${from.y} ${middle} ${to.y} ${end} ${to.y}m-5-4 5 4-5 4`;
      return [{ from: from.link, to: to.link, d }];
    }),
  );
  return { width: x - between, height, nodes, edges };
}
