"""Bars as SVG, readable on a light and on a dark page."""

from __future__ import annotations

from html import escape

from benchmarks.figures import Chart

WIDTH, LABELS, BAR, GAP, TOP = 760, 290, 22, 10, 44
LONGEST = WIDTH - LABELS - 110

STYLE = """\
<style>
  text { font: 13px system-ui, sans-serif; fill: #333; }
  .title { font-weight: 600; font-size: 15px; }
  .bar { fill: #9aa5b1; } .ours { fill: #c2410c; }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd; } .bar { fill: #66717c; } .ours { fill: #f97316; }
  }
</style>"""


def svg(chart: Chart) -> str:
    """The chart; bars whose name begins with Mailroom stand out."""
    most = max((value for _, value in chart.bars), default=1) or 1
    height = TOP + len(chart.bars) * (BAR + GAP)
    title = escape(chart.title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{title}">',
        STYLE,
        f'<text class="title" x="0" y="20">{title}</text>',
    ]
    for number, (name, value) in enumerate(chart.bars):
        y = TOP + number * (BAR + GAP)
        kind = "bar ours" if name.startswith("Mailroom") else "bar"
        width = max(1.0, LONGEST * value / most)
        parts += [
            f'<text x="{LABELS - 10}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{width:.1f}" height="{BAR}" rx="3"/>',
            f'<text x="{LABELS + width + 8:.1f}" y="{y + 16}">{_short(value)} {escape(chart.unit)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
