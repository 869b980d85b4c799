import { noteServerTime } from '../store/clock';
import { apiBase } from '../store/route';
import { authorization, isSignedIn, needsToken } from '../store/session';

/** What a call answered instead of data. */
export class ApiError extends Error {
  constructor(
    readonly status: number, // of HTTP; 0: no answer came
    message: string,
  ) {
    super(message);
  }

  /** The parameter that the message names first, as "retry_delay: given …". */
  get field(): string {
    return /^([A-Za-z_]+): /.exec(this.message)?.[1] ?? '';
  }

  /** The node is of a version that does not have the call yet. It may take the call's name for an id. */
  get isUnknownCall(): boolean {
    if (this.status === 400) return this.message.startsWith('id: given');
    return (this.status === 404 && this.message.startsWith('there is no path')) || this.status === 405;
  }
}

export type Params = Record<string, string | number | boolean | string[] | null | undefined>;

/** The reason that a lost connection has in error texts. */
export const noAnswer = 'no-answer';

const patience = 20_000;

function given(params: Params): Params {
  return Object.fromEntries(Object.entries(params).filter(([, value]) => value !== undefined));
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(new URL(path, apiBase), {
      ...init,
      headers: { ...authorization(), ...init.headers },
      cache: 'no-store',
      credentials: 'same-origin',
      signal: init.signal ?? AbortSignal.timeout(patience),
    });
  } catch {
    throw new ApiError(0, noAnswer);
  }
}

async function explain(response: Response): Promise<ApiError> {
  let message = '';
  try {
    message = ((await response.json()) as { message: string }).message;
  } catch {
    // Not from a node: a proxy's page, say.
  }
  if (response.status === 401 && (isSignedIn() || !needsToken.value)) needsToken.value = true;
  return new ApiError(response.status, message || `${response.status} ${response.statusText}`);
}

async function dataOf<T>(response: Response): Promise<T> {
  noteServerTime(response.headers.get('Date'));
  if (!response.ok) throw await explain(response);
  try {
    return ((await response.json()) as { data: T }).data;
  } catch {
    throw new ApiError(0, noAnswer);
  }
}

/** Reads. A node that is going away cuts its connections: then another one is asked, once. */
export async function get<T>(path: string, params: Params = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(given(params))) query.set(name, String(value));
  const address = query.size === 0 ? path : `${path}?${query}`;
  try {
    return await dataOf<T>(await ask(address, {}));
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 0 && error.status !== 502)) throw error;
    return dataOf<T>(await ask(address, {}));
  }
}

/** Changes something; never sent twice. */
export async function post<T>(path: string, params: Params = {}): Promise<T> {
  return dataOf<T>(
    await ask(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(given(params)),
    }),
  );
}

/** A stream of server-sent events; ends with `signal`. */
export async function openStream(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
  const response = await ask(path, { headers: { Accept: 'text/event-stream' }, signal });
  if (!response.ok) throw await explain(response);
  return response.body!;
}

/** As text, of what is no JSON. */
export async function getText(path: string): Promise<string> {
  const response = await ask(path, {});
  if (!response.ok) throw await explain(response);
  return response.text();
}
