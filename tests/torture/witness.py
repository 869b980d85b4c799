"""What every command does, and the file in which it says so.

A command appends one line when it starts and one when it ends. It takes what it says from its environment
and from the kernel: the clock, its process id, and locks that the kernel drops at the moment of its death.
Those locks show two runs that are alive together, however the first one ended: a job that may run so many
times at once has so many of them (each part of its fires, when they have several), and a run that finds none free says
"full". A lock that jobs share has as many as its limit is, and a run that does not get what it takes says "no:" and
its name.
"""
import dataclasses

LINES = "witness.txt"
SCRIPT = "witness.sh"

TEXT = r"""#!/bin/bash
# witness.sh JOB NAP EXIT BYTES PLACES HEARING LOCK…: says that it starts, prints BYTES, sleeps NAP seconds, says that
# it ends. PLACES: how many of this job may run at once, 0 = any number. HEARING: "deaf" ignores SIGTERM; "flaky" fails
# with EXIT two times of three, by its scheduled time, attempt and part, and else succeeds. LOCK: NAME:WEIGHT:LIMIT.
began=${EPOCHREALTIME/[.,]/}
[[ $6 == deaf ]] && trap '' TERM
cd "${0%/*}" || exit 99
code=$3
part=${PEERCRON_SHARD:-0}
[[ $6 == flaky ]] && (((PEERCRON_SCHEDULED_AT_MS / 1000 + PEERCRON_ATTEMPT * 2 + part) % 3 == 0)) && code=0
place=-
if (($5 > 0)); then
    place=full
    for ((i = 0; i < $5; ++i)); do
        exec {lock}>"locks/$1.$part.$i"
        if flock --nonblock "$lock"; then
            place=$i
            break
        fi
        exec {lock}>&-
    done
fi
for claim in "${@:7}"; do
    IFS=: read -r name weight limit <<<"$claim"
    for ((i = 0; i < limit && weight > 0; ++i)); do
        exec {lock}>"locks/lock-$name.$i"
        if flock --nonblock "$lock"; then
            weight=$((weight - 1))
        else
            exec {lock}>&-
        fi
    done
    ((weight > 0)) && place=no:$name
done
me="$1 $PEERCRON_JOB_ID $PEERCRON_SCHEDULED_AT_MS $PEERCRON_ATTEMPT $part/${PEERCRON_SHARDS:-1} $PEERCRON_NODE"
me+=" $PEERCRON_EPOCH $$"
printf '%s\n' "start $me $began $place" >>witness.txt
(($4 > 0)) && printf '%*s\n' "$4" "$1"
[[ $2 != 0 ]] && sleep "$2"
printf '%s\n' "end $me ${EPOCHREALTIME/[.,]/} $code" >>witness.txt
exit "$code"
"""


@dataclasses.dataclass
class Sighting:
    """One run, as its command saw it. Times in microseconds since 1970."""
    token: str
    job: int
    scheduled_at: int  # milliseconds
    attempt: int
    node: str
    epoch: int
    pid: int
    began: int
    place: str
    ended: int | None = None
    exit_code: int | None = None
    part: int = 0
    parts: int = 1

    @property
    def run(self):
        return (self.job, self.scheduled_at, self.attempt, self.part)

    @property
    def lateness(self):
        """Seconds from the scheduled time to the first instruction."""
        return self.began / 1e6 - self.scheduled_at / 1e3


def install(folder):
    (folder / "locks").mkdir()
    script = folder / SCRIPT
    script.write_text(TEXT)
    script.chmod(0o755)
    (folder / LINES).touch()


def command(folder, token, run):
    return (f"{folder / SCRIPT} {token} {run['nap']} {run['code']} {run['bytes']} {run['places']}"
            f" {'deaf' if run['deaf'] else 'flaky' if run.get('flaky') else 'hears'}"
            + "".join(f" {claim}" for claim in run.get("claims", ())))


def read(text):
    """(sightings, lines that make no sense)."""
    sightings, open_ones, odd = [], {}, []
    for line in text.splitlines():
        words = line.split(" ")
        try:
            what, token, job, scheduled_at, attempt, part, node, epoch, pid, at, last = words
            part, parts = map(int, part.split("/"))
            who = (token, int(job), int(scheduled_at), int(attempt), node, int(epoch), int(pid), part)
            if what == "start":
                sighting = Sighting(*who[:-1], int(at), last, part=part, parts=parts)
                sightings.append(sighting)
                open_ones[who] = sighting
            elif what == "end" and who in open_ones:
                sighting = open_ones.pop(who)
                sighting.ended, sighting.exit_code = int(at), int(last)
            else:
                odd.append(line)
        except ValueError:
            odd.append(line)
    return sightings, odd
