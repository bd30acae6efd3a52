"""What bench_peers.py measured, checked and written as tables of a document."""
import datetime
import os
import statistics

from peers import measure
from peers.works import PEERS

NAMES = {"peft": "PEFT", "peft-labelrows": "PEFT, head at labelled rows", "trl": "TRL", "tacit": "tacit",
         "tacit-f16": "tacit, float16 folder"}
EQUAL = 1e-6      # of losses: relative, absolute where they are below 1
FIRST = 4         # so many losses must be equal: training carries roundings on
IN_TURN = 1800    # seconds between the first and the last program of a round


class Done:
    """What is kept of a work: its rounds (results by program; those that lack tacit's are left out) and what they belong to."""

    def __init__(self, root, work):
        folder = os.path.join(root, "peers", work.name)
        self.work, self.rounds = work, []
        self.key = measure.read_json(os.path.join(folder, "key.json"))
        for turn in range(1, 100):
            found = {p: measure.read_json(os.path.join(folder, f"{p}.{turn}.json")) for p in work.programs()}
            found = {p: r for p, r in found.items() if r}
            if "tacit" in found:
                self.rounds.append(found)


def losses_apart(ours, theirs, count=None):
    """The largest difference of two results' losses, over the first count steps."""
    return max(abs(x - y) / max(1, y) for x, y in zip(theirs["losses"][:count], ours["losses"]))


def apart(rounds, program, count=None):
    """The same over rounds, between a program and tacit; None where it was not run."""
    return max((losses_apart(r["tacit"], r[program], count) for r in rounds if program in r), default=None)


def complaints(d):
    """What keeps a work's numbers from being compared, a line each."""
    found = []
    for p in PEERS:
        off = apart(d.rounds, p, FIRST)
        if d.work.precision == "f32" and off is not None and not off <= EQUAL:
            found.append(f"{d.work.name}: losses of {p} are {off:.1e} from tacit's, expected at most {EQUAL:.0e}")
    for i, r in enumerate(d.rounds):
        began = [datetime.datetime.fromisoformat(v["began"]).timestamp() for v in r.values()]
        if max(began) - min(began) > IN_TURN:
            minutes = (max(began) - min(began)) / 60
            found.append(f"{d.work.name}: round {i + 1} was not run in turn, its programs began {minutes:.0f} minutes apart")
    return found


def seconds(result):
    return result["seconds"] / result["timed"]


def times_faster(rounds, program):
    """Ratio of the medians to tacit's, and the range of the rounds' ratios."""
    both = [r for r in rounds if program in r]
    if not both:
        return "-"
    medians = [statistics.median(seconds(r[p]) for r in both) for p in (program, "tacit")]
    ratios = [seconds(r[program]) / seconds(r["tacit"]) for r in both]
    return f"{medians[0] / medians[1]:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def peak(rounds, program):
    found = [r[program]["peak_mb"] for r in rounds if program in r]
    return statistics.median(found) if found else None


def share(rounds, work):
    """Of PEFT's peak memory what tacit takes with the folder of 16 bits."""
    ours, theirs = peak(rounds, "tacit" if work.model == "micro" else "tacit-f16"), peak(rounds, "peft")
    return f"{ours / theirs:.2f}" if ours and theirs else "-"


def line(cells):
    return "| " + " | ".join(cells) + " |"


def head(cells):
    return [line(cells), line(["---"] * len(cells))]


def speed(done):
    rows = head(["work", "tacit, s a step", "times faster than PEFT", "than PEFT, head at labelled rows", "than TRL",
                 "share of PEFT's peak memory", "losses apart", "rounds"])
    for d in done:
        off = [x for x in (apart(d.rounds, p) for p in PEERS) if x is not None]
        rows.append(line([d.work.title, f"{statistics.median(seconds(r['tacit']) for r in d.rounds):.3g}",
                          *(times_faster(d.rounds, p) for p in PEERS), share(d.rounds, d.work),
                          f"{max(off):.0e}" if off else "-", str(len(d.rounds))]))
    return rows


def memory(done):
    programs = (*PEERS, "tacit", "tacit-f16")
    rows = head(["peak memory, MB", *(NAMES[p] for p in programs)])
    for d in done:
        peaks = [peak(d.rounds, p) for p in programs]
        rows.append(line([d.work.title, *("-" if x is None else f"{x:,.0f}" for x in peaks)]))
    return rows


def belongs(done):
    """Machine, versions, dates, and how equal the results are."""
    results = [r for d in done for found in d.rounds for r in found.values()]
    versions, places = {}, []
    for r in results:
        versions.update(r.get("versions", {}))
    for d in done:
        where = f"{measure.describe(d.key['machine'])}; {d.key['threads']} threads."
        if where not in places:
            places.append(where)
    dates = sorted({r["began"][:10] for r in results})
    names = sorted({r["tacit"] for r in results if "tacit" in r}) + [f"{k} {v}" for k, v in versions.items()]
    said = [*places, ", ".join(names) + ".", " to ".join(dates[:1] + dates[1:][-1:]) + "."]
    off = [r["way_off"] for d in done if d.work.model == "full" for found in d.rounds for r in found.values() if "way_off" in r]
    if off:
        said.append(f"Where prompts and adapters of the large model end is at most {max(off):.0e} of the peer's way from where "
                    "the peer's end.")
    return " ".join(said)


def text(done):
    """The tables of works, with what they belong to."""
    return "\n".join([*speed(done), "", *memory(done), "", belongs(done)])


def put_between(path, name, body):
    """Replaces what stands in a file between the two marks of a name; False where they are not there."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->\n"
    with open(path, encoding="utf-8") as f:
        old = f.read()
    if begin not in old or end not in old:
        return False
    before, rest = old.split(begin, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as f:
        f.write(before + begin + body.rstrip("\n") + "\n" + end + after)
    return True
