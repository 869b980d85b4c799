import { signal } from '@preact/signals';

export type Role = 'read' | 'operate' | 'admin' | 'owner';

export interface Caller {
  name: string;
  role: Role;
  tokens: boolean; // whether the node knows the caller; else it is anonymous
  tags?: string[]; // it sees jobs with one of them alone; none: all jobs
  proof?: 'none' | 'token' | 'session' | 'proxy' | 'local_user'; // by what; an older node does not say
}

/** Kept in this tab's memory only, so that it ends with the tab; a session is a cookie that no script sees. */
let token = '';

export const needsToken = signal(false);

/** What the node says about the caller; undefined while it has not, or is too old to. */
export const caller = signal<Caller | undefined>(undefined);

const order: Role[] = ['read', 'operate', 'admin', 'owner'];

/** Whether the caller may do what needs this role. A node that does not say it decides by itself. */
export function may(role: Role): boolean {
  return caller.value === undefined || order.indexOf(caller.value.role) >= order.indexOf(role);
}

/** Whether the caller is shown what is about all jobs. */
export function seesAllJobs(): boolean {
  return (caller.value?.tags ?? []).length === 0;
}

export function authorization(): Record<string, string> {
  return token === '' ? {} : { Authorization: `Bearer ${token}` };
}

/** Shows this token from here on; whether it is a good one the next call says. */
export function useToken(given: string): void {
  token = given;
}

export function letIn(): void {
  needsToken.value = false;
}

/** Forgets the token, and asks who is there. */
export function askAgain(): void {
  token = '';
  caller.value = undefined;
  needsToken.value = true;
}

export function isSignedIn(): boolean {
  return token !== '' || caller.value?.proof === 'session';
}
