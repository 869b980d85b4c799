import type { FindingCounts } from '../rules/findings';
import type { Definition } from '../rules/toml';
import type { Tick } from '../rules/strip';

// What calls answer, as far as the console reads it. A member with a question mark is not there in
// answers of older nodes. Moments are Unix milliseconds, durations milliseconds.

export interface List<T> {
  list: T[];
  total: number;
}

export interface LastRun extends Tick {
  at: number;
}

/** What is known of a job's past. */
export interface Statistics {
  last_state?: string | null;
  last_cause?: string;
  last_success_at?: number | null;
  failures_in_row?: number;
  failing_since?: number | null;
  usual_time?: number | null;
  usual_p95?: number | null;
  late_p99?: number | null;
  goal_fires?: number | null; // of the last 30 days, as the next two; null: it has no goal for lateness
  goal_met?: number | null;
  goal_percent?: number | null; // null: no fire, too
  last_runs_by?: 'run' | 'minute';
  last_runs?: LastRun[];
}

/** How a daemon is. */
export interface Daemon {
  is_up: boolean;
  since: number | null; // it is up
  node: string; // where it is up, or about to start
  next_start: number | null; // it is down
  why: string; // it is down
}

export interface Job extends Statistics {
  id: number;
  name: string;
  cron_set: string;
  command: string;
  remark: string;
  time_zone: string;
  tags?: string[];
  inputs?: string[];
  timeout: number;
  retries?: number;
  kind?: string;
  http_url?: string;
  run_after?: string[];
  run_after_on?: string;
  shards?: number; // 1, unless a fire is several runs
  requires?: string[];
  requires_wait?: number; // seconds
  restart?: string;
  restart_delay?: number; // seconds, as the next two
  restart_max_delay?: number;
  healthy_after?: number;
  start_limit?: number;
  daemon?: Daemon;
  run_num: number;
  last_run_at: number | null;
  next_run_at: number | null;
  state: 'enabled' | 'stopped' | 'done';
  schedule_in_words?: string;
  zone?: string;
  running?: number;
  next?: string[];
  schedule_error?: string | null;
  paused?: Pause | null; // that it is in
}

export interface Pause {
  id: number;
  cron_id: number; // 0: of a tag, or of all jobs
  tag: string;
  begins_at: number;
  until: number | null;
  ended_at: number | null;
  reason: string;
  made_by: string;
  ended_by: string;
  active: boolean;
}

/** What some jobs have in common. */
export interface Tag {
  name: string;
  jobs: number;
  stopped: number;
}

export interface JobStatistics extends Statistics {
  runs: number;
  successes: number;
  late_p50: number | null;
  usual_output: number | null;
  usual_memory: number | null;
  late_goal?: number | null; // null: it has none
}

export interface Run {
  id: number;
  cron_id: number;
  output: string;
  use_time: number;
  dispatch_server: string;
  run_server: string;
  dispatch_time: number; // Unix seconds
  scheduled_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  state: string;
  reason: string;
  cause: string;
  exit_code: number | null;
  term_signal: number | null;
  http_status: number | null;
  attempt: number;
  part?: number; // of a fire that is several runs, from 0
  parts?: number;
  epoch: number;
  requested_by: string;
  retry_at: number | null;
  cpu_time: number;
  max_rss: number;
  output_bytes: number;
  unusual?: string[]; // slow, fast, silent, more-output, more-memory
  output_cut: boolean;
  rehearsal?: boolean; // it counts nowhere
  name?: string | null; // of the job; null: it is deleted
  fires?: number;
  gap_end?: number | null;
}

/** A run in an answer about something else. */
export interface BriefRun {
  id: number;
  scheduled_at: number | null;
  started_at: number | null;
  ended_at: number | null;
  state: string;
  cause: string;
  reason: string;
  exit_code: number | null;
  term_signal: number | null;
  http_status: number | null;
  run_server: string;
  attempt: number;
  part?: number;
  parts?: number;
  use_time: number;
  retry_at: number | null;
}

export interface FailingJob {
  cron_id: number;
  name: string;
  last_state: string;
  failing_since: number | null;
  failures_in_row: number;
  next_run_at: number | null;
  retry_at?: number | null; // when an attempt starts that waits for its time; not there: the node is too old to say
  run: BriefRun | null;
}

export interface MissedFire {
  id: number;
  cron_id: number;
  name: string;
  scheduled_at: number | null;
  state: string;
  cause: string;
  reason: string;
  fires: number;
}

export interface RunningRun {
  id: number;
  cron_id: number;
  name: string;
  run_server: string;
  started_at: number | null;
  usual_time: number | null;
  usual_p95: number | null;
  slow: boolean;
  attempt: number;
}

export interface PlannedFire {
  cron_id: number;
  name: string;
  at: number;
  usual_time: number | null;
  excluded?: string | null; // why it will be skipped; null: it will not
}

export interface Cell {
  at: number;
  success: number;
  failed: number;
  timeout: number;
  killed: number;
  lost: number;
  fenced: number;
  skipped: number;
  missed: number;
  late_p50: number | null;
  late_p99: number | null;
  run_server?: string;
}

export interface Histogram {
  from: number;
  to: number;
  step: number;
  cells: Cell[];
}

export interface JobCounts {
  total: number;
  stopped: number;
  failing: number;
  missed: number;
  running: number;
}

export interface Overview {
  at: number;
  jobs: JobCounts;
  failing: FailingJob[];
  missed: MissedFire[];
  running: RunningRun[];
  next: PlannedFire[];
  next_total: number;
  pauses?: Pause[]; // that are not over
  next_minutes?: { from: number; fires: number[] }; // not there: as above
  strip?: Histogram; // not there: the node is too old to say
  dispatchers: { at: number; node: string; epoch: number }[];
}

export interface Revision {
  id: number;
  cron_id: number;
  action: string;
  effective_from: number;
  who: string;
  from: string;
  reason?: string;
  before: Definition | null;
  after: Definition | null;
}

export interface Node {
  name: string;
  http_address: string;
  version: string;
  /** An older node does not tell them. */
  labels?: string[];
  passing: boolean;
  is_dispatcher: boolean;
  connected: boolean;
  slots: number | null;
  running: number | null;
  held: number | null;
  queued: number | null;
  draining: boolean | null;
  clock_offset_ms: number | null;
}

export interface Nodes {
  nodes: Node[];
  dispatcher: string;
  epoch: number;
  store_away_since: number | null;
  store_trouble: string;
}

export interface Health {
  node: string;
  version: string;
  dispatcher: string;
  is_dispatcher: boolean;
  epoch: number;
  store: 'ok' | 'away';
  journal: string;
  clock: string;
  time_zone: string;
  certificate_expires_at?: number | null; // of the node that answers; null: it has none
  paused?: string;
}

export interface Why {
  at: number;
  verdict: string;
  answer: string;
  facts: { about: string; text: string }[];
  run: BriefRun | null;
  blocker: BriefRun | null;
  previous_fire_at: number | null;
  next_fire_at: number | null;
}

export interface LocalMoment {
  at: number;
  local: string;
}

export interface Preview {
  cron_set: string; // empty: a daemon
  schedule_in_words: string;
  zone: string;
  next: LocalMoment[];
  notes: string[];
  collisions: { at: number; jobs: number; names: string[] }[];
  week: {
    fires: number;
    come: LocalMoment[];
    come_total: number;
    go: LocalMoment[];
    go_total: number;
  };
}

export interface Forecast {
  from: number;
  to: number;
  step: number;
  jobs: number;
  unknown: number;
  slots: number;
  cells: { at: number; fires: number; running: number; peak: number }[];
}

export interface FreeSlots {
  duration: number;
  slots: { from: number; to: number; fires: number; peak: number }[];
}

export interface RunDiff {
  run: BriefRun;
  success: BriefRun | null; // the last one before it
  definition: { field: string }[] | null; // what has changed; null: nobody knows
  output_is_same: boolean;
  output: { op: 'same' | 'folded' | 'gone' | 'new'; lines: number; text: string }[];
}

export interface BulkResult {
  action: string;
  dry_run: boolean;
  total: number;
  done: number;
  running: number;
  jobs: { id: number; name: string }[];
  failed: { id: number; name: string; message: string }[];
}

export interface IfStopped {
  node: string;
  answer: string;
  is_dispatcher: boolean;
  running: RunningRun[];
  held: number;
  others: { name: string; slots: number | null; running: number | null }[];
  slots_left: number;
}

export interface Channel {
  id: number;
  name: string;
  kind: string;
  settings: Record<string, string>;
  tags: string[];
  every_job: boolean;
  stop: boolean;
}

export interface ChannelTest {
  sent: boolean;
  problem: string;
  request: string;
  answer: string;
}

export interface Delivery {
  id: number;
  notice: string;
  cron_id: number;
  state: string;
  attempts: number;
  created_at: number;
  due_at: number | null;
  answer: string;
}

export interface AuditTotals extends FindingCounts {
  clean: boolean;
  from: number;
  to: number;
  due: number;
  late_p99?: number | null; // milliseconds
}

export interface Finding {
  kind: string;
  cron_id: number;
  scheduled_at: number;
  what: string;
}

export interface LockRun {
  id: number;
  cron_id: number;
  job: string;
  weight: number;
  run_server: string;
  started_at: number | null;
}

export interface Lock {
  name: string;
  limit: number;
  is_set: boolean;
  set_by: string;
  jobs: number;
  taken: number;
  owners: LockRun[];
  waiting: LockRun[];
}

/** Days on which jobs run, or do not. */
export interface Calendar {
  name: string;
  built_in: boolean;
  remark: string;
  dates: string;
  ical: string | null; // not there in lists
  events: number;
  set_by: string;
  set_at: number | null;
  time_zone: string; // in which the spans are
  active: boolean;
  spans: Span[];
  jobs: { id: number; name: string; excludes: boolean }[];
  history?: CalendarVersion[];
}

export interface Span {
  from: number;
  to: number | null;
}

export interface CalendarVersion {
  set_by: string;
  set_at: number;
  remark: string;
  dates: string;
  ical: string;
}

export interface Account {
  name: string;
  role: string;
  tags: string[];
  has_password?: boolean; // an older node does not say it; nor the next two
  sso?: boolean;
  identity?: string; // who it is at the OpenID provider; '': nobody yet
  created_at: number;
  signed_in_at: number | null;
}

export interface Token {
  name: string;
  role: string;
  tags: string[];
  created_by: string;
  expires_at: number | null;
  used_at: number | null;
}

export interface AccessEvent {
  id: number;
  at: number;
  what: string;
  who: string;
  address: string;
  detail: string;
}

export interface Backfill {
  id: number | null; // null: it was only asked what it would do
  cron_id: number;
  from: number;
  to: number;
  only: string;
  parallel: number;
  asked_by: string;
  asked_at: number;
  state: string;
  why: string;
  ended_at: number | null;
  fires: number;
  begun: number;
  open: number;
  first_fires?: number[];
}
