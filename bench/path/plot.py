"""Small SVG figures: panels one below the other. A panel is a function of its top that returns (lines of SVG, its height)."""

import html
import math
import statistics

WIDTH, LEFT, RIGHT = 760, 220, 24
COLOURS = ("#0b6e99", "#d9730d", "#8a8a8a", "#6940a5", "#0f7b6c")


def text(x, y, said, anchor="start", weight="normal", colour="#333"):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="{colour}">{html.escape(said)}</text>'


def short(value):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.4g}{unit}"
    return f"{value:.3g}"


def ticks(high, count=5):
    """Round numbers from 0 to at least `high`."""
    step = 10 ** math.floor(math.log10(high / count)) if high > 0 else 1
    step = next(step * factor for factor in (1, 2, 5, 10) if step * factor * count >= high)
    return [step * n for n in range(math.ceil(high / step) + 1)]


def plain(label):
    return label.replace("`", "")


def bars(title, series):
    """A bar to the median of each [(label, values)], a dot for each value."""
    def draw(top):
        right = WIDTH - RIGHT - 60
        scale = (right - LEFT) / (max(max(values) for _, values in series) or 1)
        lines = [text(LEFT, top + 16, title, weight="bold")]
        y = top + 28
        for number, (label, values) in enumerate(series):
            middle = statistics.median(values)
            lines.append(text(LEFT - 8, y + 14, plain(label), "end"))
            lines.append(f'<rect x="{LEFT}" y="{y}" width="{middle * scale:.1f}" height="18" '
                         f'fill="{COLOURS[number % len(COLOURS)]}"/>')
            lines += [f'<circle cx="{LEFT + value * scale:.1f}" cy="{y + 9}" r="2.5" fill="#000" fill-opacity="0.45"/>'
                      for value in values]
            lines.append(text(LEFT + max(values) * scale + 8, y + 14, short(middle)))
            y += 26
        return lines, y - top + 10
    return draw


def curves(title, x_title, y_title, series, x_ticks, x_of, y_high):
    def draw(top):
        height, bottom = 190, top + 28 + 190
        right = WIDTH - RIGHT
        marks = ticks(y_high)
        y_of = lambda value: bottom - value / marks[-1] * height
        at = lambda x: LEFT + x_of(x) * (right - LEFT)
        lines = [text(LEFT, top + 16, title, weight="bold"), text(LEFT - 8, top + 16, y_title, "end", colour="#777")]
        for mark in marks:
            lines.append(f'<line x1="{LEFT}" x2="{right}" y1="{y_of(mark):.1f}" y2="{y_of(mark):.1f}" stroke="#ddd"/>')
            lines.append(text(LEFT - 8, y_of(mark) + 4, short(mark), "end", colour="#777"))
        for mark in x_ticks:
            lines.append(text(at(mark), bottom + 16, short(mark), "middle", colour="#777"))
        lines.append(text(right, bottom + 32, x_title, "end", colour="#777"))
        for number, (label, points) in enumerate(series):
            colour = COLOURS[number % len(COLOURS)]
            path = " ".join(f"{at(x):.1f},{y_of(y):.1f}" for x, y in points)
            lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
            lines.append(text(8, top + 60 + 18 * number, plain(label), colour=colour))
        return lines, bottom + 44 - top
    return draw


def lines(title, x_title, y_title, series):
    """[(label, [(x, y)])], both axes from 0."""
    x_marks = ticks(max((x for _, points in series for x, _ in points), default=1))
    y_high = max((y for _, points in series for _, y in points), default=1)
    return curves(title, x_title, y_title, series, x_marks, lambda x: x / x_marks[-1], y_high)


def distribution(title, unit, series):
    """The share of the values of each [(label, values)] that are at most x; x is logarithmic."""
    low = min(min(values) for _, values in series)
    high = max(max(values) for _, values in series)
    first, last = math.floor(math.log10(max(low, 1e-3))), math.ceil(math.log10(high))
    marks = [10.0 ** n * digit for n in range(first, last) for digit in (1, 2, 5)] + [10.0 ** last]

    def points(values):
        ordered = sorted(values)
        step = max(1, len(ordered) // 400)
        return [(max(ordered[n], 10.0 ** first), (n + 1) / len(ordered) * 100) for n in range(0, len(ordered), step)] + \
            [(ordered[-1], 100)]
    return curves(title, unit, "% of events", [(label, points(values)) for label, values in series], marks,
                  lambda x: (math.log10(x) - first) / ((last - first) or 1), 100)


def figure(panels):
    drawn, top = [], 8
    for panel in panels:
        found, height = panel(top)
        drawn += found
        top += height
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" font-family="sans-serif" font-size="12">\n'
            f'<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(drawn) + "\n</svg>\n")
