"""A letterhead to start from: calm, one column, at home on a telephone and in the dark."""

from __future__ import annotations

from mailroom.content.templates.template_letter import TemplateLetter, TemplateVariable

_HTML = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>{% slot title %}{{ COMPANY }}{% endslot %}</title>
<style>
  .sheet p, .sheet ul, .sheet ol, .sheet blockquote, .sheet pre, .sheet table { margin: 0 0 16px; }
  .sheet h1 { margin: 0 0 16px; font: bold 26px/1.25 Georgia, serif; }
  .sheet h2 { margin: 28px 0 12px; font: bold 20px/1.3 Georgia, serif; }
  .sheet h3, .sheet h4 { margin: 24px 0 8px; font-size: 16px; }
  .sheet a { color: {{ COLOUR }}; }
  .sheet img { max-width: 100%; height: auto; }
  .sheet ul, .sheet ol { padding-left: 24px; }
  .sheet blockquote { padding-left: 16px; border-left: 3px solid #d5d3cd; }
  .sheet pre { padding: 12px; overflow: auto; border: 1px solid #d5d3cd; font: 14px/1.5 monospace; }
  .sheet hr { margin: 28px 0; border: 0; border-top: 1px solid #d5d3cd; }
  .sheet td, .sheet th { padding: 6px 12px 6px 0; border-bottom: 1px solid #d5d3cd; text-align: left; }
  .quiet p { margin: 0 0 8px; }
  @media (prefers-color-scheme: dark) {
    .page { background: #16181c !important; }
    .sheet { background: #1f2227 !important; color: #e8e8e6 !important; }
    .sheet a { color: #9db8ff !important; }
    .quiet, .quiet a { color: #a3a6ab !important; }
  }
  @media (max-width: 480px) { .sheet { padding: 24px 20px !important; } }
</style>
</head>
<body class="page" style="margin: 0; background: #f4f3f0;">
<table role="presentation" width="100%" cellspacing="0" cellpadding="0" border="0">
<tr><td align="center" style="padding: 24px 12px;">
  <table role="presentation" width="100%" cellspacing="0" cellpadding="0" border="0"
    style="max-width: 600px;">
  <tr><td style="padding: 0 8px 16px; border-top: 4px solid {{ COLOUR }};">
    {% slot logo %}<p style="margin: 16px 0 0; font: bold 20px/1.3 Georgia, serif; color: {{ COLOUR }};">
      {{- COMPANY -}}</p>{% endslot %}
  </td></tr>
  <tr><td class="sheet" style="padding: 36px 40px; border-radius: 8px; background: #ffffff; color: #22242a;
      font: 16px/1.6 Arial, Helvetica, sans-serif;">
    {% slot content %}<p>Here stands the letter.</p>{% endslot %}
  </td></tr>
  <tr><td class="quiet" style="padding: 20px 8px; color: #6b6e75;
      font: 13px/1.5 Arial, Helvetica, sans-serif;">
    {% slot footer %}{{ COMPANY }}{% endslot %}
  </td></tr>
  </table>
</td></tr>
</table>
</body>
</html>
"""

_TEXT = (
    "{% slot content %}Here stands the letter.{% endslot %}\n\n"
    "-- \n{% slot footer %}{{ COMPANY }}{% endslot %}\n"  # the blank belongs to it: RFC 3676, 4.3
)

LETTERHEAD = TemplateLetter(
    html=_HTML,
    text=_TEXT,
    variables=(
        TemplateVariable("COMPANY", "string", "Acme Ltd"),
        TemplateVariable("COLOUR", "string", "#2b5d8a"),
    ),
)
"""A picture as its logo goes into the slot `logo`; a subject is the letter's own."""
