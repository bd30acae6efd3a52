"""Line charts as SVG: panels beside each other, each with a line of points for every program."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 310, 250                          # of a panel
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 44, 42         # its margins
COLOURS = ("#0b6e4f", "#b3541e", "#33508f", "#7a3b7a")


class Axis:
    """From values to pixels; linear from zero, or logarithmic."""

    def __init__(self, values, start, end, log):
        self.log, self.start, self.end = log, start, end
        low, high = min(values), max(values)
        self.low, self.high = (low / 1.15, high * 1.15) if log else (0, high * 1.06 or 1)

    def at(self, v):
        scale = math.log if self.log else float
        low = scale(self.low)
        return self.start + (scale(v) - low) / (scale(self.high) - low) * (self.end - self.start)

    def ticks(self):
        """Round numbers: 1, 2, 5 and their tenfolds."""
        if self.log:
            found = [m * 10.0**e for e in range(-9, 13) for m in (1, 2, 5) if self.low <= m * 10.0**e <= self.high]
            return found if len(found) <= 8 else [t for t in found if f"{t:e}"[0] == "1"]
        step = 10 ** math.floor(math.log10(self.high / 4))
        step *= next(m for m in (1, 2, 5, 10) if self.high / (m * step) <= 6)
        return [i * step for i in range(int(self.high / step) + 1)]


def number(v):
    """A tick's text."""
    for limit, unit, mark in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if v >= limit:
            return f"{v / unit:.3g}{mark}"
    return f"{v:.4g}"


def thinned(values, axis):
    """Those whose texts do not touch, the last one always."""
    kept = []
    for v in reversed(values):
        if not kept or axis.at(kept[-1]) - axis.at(v) >= 3.3 * len(number(v) + number(kept[-1])) + 6:
            kept.append(v)
    return kept


def label(x, y, words, anchor="middle", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'


def panel(p, left):
    """p: title, x, lines {name: [(x, median, low, high)]}, log_x, log_y."""
    points = [q for line in p["lines"].values() for q in line]
    x = Axis([q[0] for q in points], left + LEFT, left + WIDTH - RIGHT, p.get("log_x"))
    y = Axis([q[3] for q in points] + [q[2] for q in points], HEIGHT - BOTTOM, TOP, p.get("log_y"))
    out = [label(left + LEFT, TOP - 12, p["title"], "start", ' font-weight="bold"')]
    for t in y.ticks():
        out.append(f'<path d="M{x.start:.1f} {y.at(t):.1f}H{x.end:.1f}" stroke="#ddd"/>')
        out.append(label(x.start - 6, y.at(t) + 4, number(t), "end"))
    out.append(f'<path d="M{x.start:.1f} {y.start}H{x.end:.1f}" stroke="#555"/>')
    for t in thinned(sorted({q[0] for q in points}), x):
        out.append(f'<path d="M{x.at(t):.1f} {y.start}v4" stroke="#555"/>')
        out.append(label(x.at(t), y.start + 17, number(t)))
    out.append(label((x.start + x.end) / 2, HEIGHT - 6, p["x"]))
    for colour, line in zip(COLOURS, p["lines"].values()):
        way = "L".join(f"{x.at(q[0]):.1f} {y.at(q[1]):.1f}" for q in line)
        out.append(f'<path d="M{way}" fill="none" stroke="{colour}" stroke-width="2"/>' if way else "")
        for q in line:
            out.append(f'<path d="M{x.at(q[0]):.1f} {y.at(q[2]):.1f}V{y.at(q[3]):.1f}" stroke="{colour}"/>')
            out.append(f'<circle cx="{x.at(q[0]):.1f}" cy="{y.at(q[1]):.1f}" r="3" fill="{colour}"/>')
    return out


def figure(panels):
    """The SVG's text; the names of the lines stand above the first panel."""
    width = WIDTH * len(panels)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
           'font-family="sans-serif" font-size="11" fill="#222">', f'<rect width="{width}" height="{HEIGHT}" fill="#fff"/>']
    at = LEFT
    for colour, name in zip(COLOURS, panels[0]["lines"]):
        out.append(f'<path d="M{at} 12h16" stroke="{colour}" stroke-width="2"/>')
        out.append(label(at + 21, 16, name, "start"))
        at += 40 + 6.2 * len(name)
    for i, p in enumerate(panels):
        out += panel(p, i * WIDTH)
    return "\n".join([*(o for o in out if o), "</svg>", ""])
