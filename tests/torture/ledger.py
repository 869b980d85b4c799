"""The ledger as the database holds it: read with MariaDB's own client, kept as text, parsed here."""
import dataclasses

DUMPS = {
    "log": "SELECT id, cron_id, scheduled_at, attempt, part, parts, state, reason, exit_code, term_signal, started_at, ended_at,"
           " dispatch_time, dispatch_server, run_server, epoch, fires, gap_end, requested_by, retry_at, output_bytes,"
           " use_time,"
           " LEFT(output, 120) AS output FROM log ORDER BY cron_id, scheduled_at, attempt, part",
    "cron": "SELECT * FROM cron ORDER BY id",
    "cron_revision": "SELECT * FROM cron_revision ORDER BY id",
    "cron_counter": "SELECT * FROM cron_counter ORDER BY cron_id",
    "calendar": "SELECT * FROM calendar ORDER BY id",
    "term": "SELECT * FROM term",
    "notice_delivery": "SELECT id, notice, cron_id, state, attempts, created_at, due_at, ended_at, answer"
                       " FROM notice_delivery ORDER BY id",
}
TEXTS = {"state", "reason", "dispatch_server", "run_server", "requested_by", "output"}
FINAL = {"success", "failed", "timeout", "killed", "lost", "fenced", "skipped", "revoked"}


@dataclasses.dataclass
class Row:
    """A row of table log; times in milliseconds since 1970, dispatch_time in seconds."""
    id: int
    cron_id: int
    scheduled_at: int
    attempt: int = 1
    state: str = "success"
    reason: str = ""
    exit_code: int | None = None
    term_signal: int | None = None
    started_at: int | None = None
    ended_at: int | None = None
    dispatch_time: int = 0
    dispatch_server: str = ""
    run_server: str = ""
    epoch: int = 0
    fires: int = 1
    gap_end: int | None = None
    requested_by: str = ""
    retry_at: int | None = None
    output_bytes: int = 0
    use_time: int = 0
    output: str = ""
    part: int = 0
    parts: int = 1

    @property
    def run(self):
        return (self.cron_id, self.scheduled_at, self.attempt, self.part)

    @property
    def stands_for_fire(self):
        """A fire with several parts counts by the first of them."""
        return self.attempt == 1 and self.part == 0

    @property
    def cause(self):
        """The first words of the reason, which others may follow."""
        return self.reason.split(":")[0]

    @property
    def on_request(self):
        """Not planned by a schedule: those are due at whole seconds."""
        return self.scheduled_at % 1000 != 0

    @property
    def is_gap(self):
        """Stands for a range of fires, none of which has run."""
        return self.gap_end is not None


def plain(field):
    """A field of `mariadb --batch` without its escapes."""
    if field == "NULL":
        return None
    if "\\" not in field:
        return field
    escaped = {"n": "\n", "t": "\t", "0": "\0", "\\": "\\"}
    letters = iter(field)
    return "".join(escaped[next(letters)] if letter == "\\" else letter for letter in letters)


def parse(text):
    """The rows of a dump as dictionaries of texts, None for NULL."""
    lines = text.split("\n")[:-1]
    if not lines:
        return []
    names = lines[0].split("\t")
    return [dict(zip(names, map(plain, line.split("\t")))) for line in lines[1:]]


def rows(text):
    names = {field.name for field in dataclasses.fields(Row)}
    found = []
    for values in parse(text):
        known = {name: value for name, value in values.items() if name in names}
        found.append(Row(**{name: value if value is None or name in TEXTS else int(value)
                            for name, value in known.items()}))
    return found
