# SPDX-License-Identifier: MIT
"""Bar charts as SVG: groups of bars, each with its value; nothing but text, so that a change shows in a diff."""
from html import escape

COLOURS = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951"]
HEIGHT, TOP, BOTTOM, LEFT, BAR, GAP = 260, 64, 46, 20, 34, 26


def short(value):
    """Three digits, as people read them."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def bars(path, title, unit, groups, series):
    """groups: [(name, [value of each series])]; series: their names."""
    most = max((value for _, values in groups for value in values), default=0) or 1
    group_width = max(BAR * len(series) + GAP, 8 * max((len(name) for name, _ in groups), default=0) + 12)
    width = max(LEFT * 2 + group_width * len(groups), 9 * len(title) + 2 * LEFT)
    scale = (HEIGHT - TOP - BOTTOM) / most
    base = HEIGHT - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{width}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="20" font-size="14" font-weight="bold">{escape(title)}</text>']
    x = LEFT
    for number, name in enumerate(series if len(series) > 1 else []):
        out.append(f'<rect x="{x}" y="32" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        out.append(f'<text x="{x + 14}" y="41">{escape(name)}</text>')
        x += 30 + 7 * len(name)
    out.append(f'<text x="{x}" y="41" fill="#555">{escape(unit)}</text>')
    for place, (name, values) in enumerate(groups):
        middle = LEFT + (place + 0.5) * group_width
        for number, value in enumerate(values):
            tall, at = value * scale, middle + (number - len(series) / 2) * BAR
            out.append(f'<rect x="{at:.1f}" y="{base - tall:.1f}" width="{BAR - 4}" height="{tall:.1f}" fill="{COLOURS[number % len(COLOURS)]}"/>')
            out.append(f'<text x="{at + (BAR - 4) / 2:.1f}" y="{base - tall - 4:.1f}" font-size="10" text-anchor="middle">{short(value)}</text>')
        out.append(f'<text x="{middle:.1f}" y="{base + 16}" text-anchor="middle">{escape(name)}</text>')
    out.append(f'<line x1="{LEFT}" y1="{base}" x2="{width - LEFT}" y2="{base}" stroke="black"/>')
    out.append("</svg>")
    path.write_text("\n".join(out) + "\n")
