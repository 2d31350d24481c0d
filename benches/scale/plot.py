"""Draws the figures of `run-scale` as SVG: memory, logins and latency, a line for each server."""

import html
import math

COLOURS = {"ours": "#0b6e4f", "prosody": "#c8553d", "ejabberd": "#3d5a98"}
WIDTH, HEIGHT, MARGIN = 380, 260, 56
TITLE = 34


def draw(figures, names):
    """The whole picture. `figures` has (server, metric, of): value."""

    def series(server, metric, scale=1.0):
        return sorted((of, value * scale) for (name, what, of), value in figures.items() if (name, what) == (server, metric))

    panels = [
        Panel("Resident memory of the server, MiB", "idle streams", {name: [(series(name, "rss_kib", 1 / 1024), "")] for name in names}),
        Panel("Logins per second", "streams already there", {name: [(series(name, "logins_per_s_step"), "")] for name in names}),
        Panel(
            "Latency of a message, ms: p50 (line), p99 (dashed)",
            "messages per second",
            {
                name: [(series(name, "latency_us_p50", 1e-3), ""), (series(name, "latency_us_p99", 1e-3), "5 4")]
                for name in names
            },
            logarithmic=True,
        ),
    ]
    width, height = WIDTH * len(panels), HEIGHT + TITLE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (name, label) in enumerate(names.items()):
        x = 20 + number * 230
        parts.append(f'<line x1="{x}" x2="{x + 26}" y1="16" y2="16" stroke="{COLOURS[name]}" stroke-width="3"/>')
        parts.append(f'<text x="{x + 32}" y="20">{html.escape(label)}</text>')
    for number, panel in enumerate(panels):
        parts.append(f'<g transform="translate({number * WIDTH} {TITLE})">')
        parts += panel.draw()
        parts.append("</g>")
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


class Panel:
    """One diagram: lines of points, for each server some of them, each with its dashes."""

    def __init__(self, title, below, lines, logarithmic=False):
        self.title, self.below, self.lines, self.logarithmic = title, below, lines, logarithmic
        points = [point for of_one in lines.values() for line, _ in of_one for point in line]
        self.most_x = max((x for x, _ in points), default=1.0) or 1.0
        values = [y for _, y in points if y > 0] or [1.0]
        if logarithmic:
            self.low, self.high = power_of_ten(min(values), up=False), power_of_ten(max(values), up=True)
        else:
            self.low, self.high = 0.0, nice(max(values))

    def draw(self):
        """The elements of the diagram."""
        bottom, top, left, right = HEIGHT - 44, 30, MARGIN, WIDTH - 18
        parts = [f'<text x="{left - 30}" y="16" font-weight="bold">{html.escape(self.title)}</text>']
        for value in self.marks():
            y = self.y(value)
            parts.append(f'<line x1="{left}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
            parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#444444">{short(value)}</text>')
        for quarter in range(5):
            value = self.most_x * quarter / 4
            parts.append(f'<text x="{self.x(value):.1f}" y="{bottom + 16}" text-anchor="middle" fill="#444444">{short(value)}</text>')
        parts.append(f'<line x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}" stroke="#444444"/>')
        parts.append(f'<line x1="{left}" x2="{left}" y1="{top}" y2="{bottom}" stroke="#444444"/>')
        parts.append(f'<text x="{(left + right) / 2}" y="{bottom + 34}" text-anchor="middle">{html.escape(self.below)}</text>')
        for name, of_one in self.lines.items():
            for line, dashes in of_one:
                at = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in line)
                dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
                parts.append(f'<polyline points="{at}" fill="none" stroke="{COLOURS[name]}" stroke-width="2"{dashed}/>')
                parts += [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="2.5" fill="{COLOURS[name]}"/>' for x, y in line]
        return parts

    def marks(self):
        """The values at the left side."""
        if not self.logarithmic:
            return [self.high * quarter / 4 for quarter in range(5)]
        values, value = [], self.low
        while value <= self.high * 1.001:
            values.append(value)
            value *= 10
        return values

    def x(self, value):
        """Where a value is, from the left."""
        return MARGIN + (WIDTH - 18 - MARGIN) * value / self.most_x

    def y(self, value):
        """Where a value is, from the top."""
        if self.logarithmic:
            share = math.log10(max(value, self.low) / self.low) / math.log10(self.high / self.low)
        else:
            share = value / self.high
        return HEIGHT - 44 - (HEIGHT - 44 - 30) * share


def power_of_ten(value, up):
    """The next one, at or above, or at or below."""
    power = 1e-6
    while power * 10 <= value * 1.000001:
        power *= 10
    return power * 10 if up else power


def nice(value):
    """A round number at or above, which has round quarters."""
    power = power_of_ten(value, up=False)
    return next(power * step for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10, 12) if power * step >= value)


def short(value):
    """A number for a mark."""
    if value >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:.4g}"
