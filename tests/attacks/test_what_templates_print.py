"""Every print of every template that is served is known here, with the place where it stands.

A print that is new, or that moved into a script, an attribute or an address, fails until somebody
has judged it. So does a new release of rq-dashboard that prints, or builds HTML, in a new way.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import Environment, meta
from rq_dashboard import web

from mailroom.web.queue_page.script_prints import SCRIPTS, in_script
from tests.attacks.prints import ADDRESSES, Print, prints

ROOT = Path(__file__).resolve().parents[2]
OURS = sorted((ROOT / "templates").rglob("*.html"))

NOT_ESCAPED = re.compile(r"\|\s*safe\b|\{%-?\s*(autoescape|filter)\b")
HANDLER = re.compile(r"<[^>]*\s(on[a-z]+|style|srcdoc)\s*=", re.IGNORECASE)

PREFIX = "script: rq_url_prefix|tojson|safe"
INSTANCE = "script: current_instance|tojson|safe"
REGISTRIES = ("queued", "deferred", "scheduled", "started", "finished", "failed", "canceled")
JUDGED: dict[str, set[str]] = {
    # In rows (`d.`), everything passes _.escape: base.html makes <%= %> mean <%- %>.
    "base.html": {
        "@href: url_for('static', filename='logo.svg')",
        "@href: url_for('rq_dashboard.static', filename='css/bootstrap.min.css')",
        "@href: url_for('rq_dashboard.static', filename='css/main.css')",
        "@href: url_for('static', filename='css/' ~ sheet ~ '.css')",  # of a list beside it
        "text: neighbours_words()",
        "text: links",  # a block of the same template, escaped where it stands
        "@href: url_for('compose.page')",
        "@href: place.href",  # of navigation.PLACES
        "text: logo()",  # of components/icon.html
        "@src: url_for('rq_dashboard.static', filename='js/' ~ script ~ '.js')",
        "@nonce: script_nonce()",
        "text: place.label",
        "script: csrf_token()|tojson",
    },
    "components/icon.html": {
        "@class: class",  # as our templates write them, both
        "@href: name",
        "@href: asset('vendor/lucide/icons.svg')",
        "@src: asset('logo.svg')",
    },
    "footer.html": {"text: rq_dashboard_version", "text: rq_version"},
    "inline_js.html": {"script: poll_interval"},  # a number of the configuration
    "navbar.html": {
        *("@href: rq_url_prefix", "@href: tab", "text: label"),  # of url_for; of a list beside it
        "@href: url_for('attention.page')",
        "@href: url_for('attention.page', state=state.value)",
        *(
            "@class: state.tone",
            "@title: state.sentence",
            "text: state",
            "text: number",
        ),  # of ledger/states.py
    },
    "outcome.html": {
        *("@class: state.tone", "@title: state.sentence", "text: state", "text: number|number"),  # likewise
        "@href: url_for('mailings.show', mailing_id=mailing_id)",
        "text: subject",
        'text: "Mailing" if turn.mailings|length == 1 else "Mailings"',
        'text: turn.batches|count("batch", "batches")',
        'text: turn.more_mailings|count("more mailing")',
    },
    "style.html": set(),
    "queues.html": {
        "text: d.name",
        "text: d.count",
        *(f"@href: d.{name}_url" for name in REGISTRIES),  # of url_for
        *(f"text: d.{name}_job_registry_count" for name in REGISTRIES if name != "queued"),
    },
    "jobs.html": {
        "@value: queue.name",
        "@value: selected_queue.name",
        "@value: per_page",
        "@href: url_for('rq_dashboard.empty_queue', queue_name=queue.name, registry_name=registry_name)",
        "@href: url_for('rq_dashboard.compact_queue', queue_name=queue.name)",
        "@href: url_for('rq_dashboard.requeue_all', queue_name=queue.name)",
        "@href: url",  # of url_for
        "@href: url_for_single_job_view(d.id)",  # a path of its own, with the id encoded
        "@data-job-id: d.id",
        "text: queue.name",
        "text: d.id",
        "text: d.ended_at",
        "text: d.created_at",
        "text: number",
        "text: $('<div/>').text(d.description).html()",
        "text: $('<div/>').text(d.exc_info).html()",
    },
    "job.html": {
        *(f"text: d.{name}" for name in ("description", "origin", "status", "metadata", "exc_info")),
        *(f"text: d.{name}_at" for name in ("created", "enqueued", "started", "ended")),
        "text: id",
        "text: JSON.stringify(d.result, null, 2)",
        "text: jobId",
        "@href: url_for_single_job_view(jobId)",
    },
    "workers.html": {
        "@title: d.version",
        "@title: d.python_version",
        "@title: d.current_job.job_id",
        "@title: d.current_job.description",
        "@title: toRelative(d.current_job.created_at)",
        "@href: url_for_single_job_view(d.current_job.job_id)",
        "text: d.name",
        "text: d.current_job",
        "text: d.current_job.call_string",
        "text: d.queues.join(', ')",
    },
    "scripts/dashboard.js": {PREFIX, INSTANCE},
    "scripts/job.js": {"script: id|tojson|safe"},
    "scripts/jobs.js": {
        "script: queue.name|tojson|safe",
        "script: queue.name",  # in quotes; escaped by ScriptPrints
        "script: registry_name|tojson|safe",
        "script: per_page|tojson|safe",
        "script: order|tojson|safe",
        "script: page|tojson|safe",
    },
    "scripts/queues.js": set(),
    "scripts/workers.js": set(),
}

SINK = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|\beval\b|Function\(|setTimeout\(['\"]"
    r"|\.(append|prepend|after|before|html|wrap|replaceWith)\((?!\))|\$\((html|\$?el)\)"
    r"|location.*(=|assign|replace|attr)"
)
JUDGED_SINKS: dict[str, set[str]] = {
    # Rows that a template made of escaped values, and constants.
    "scripts/dashboard.js": {
        "$rqInstances.append($('<option>', {",  # of no element in our navbar.html
        "$(location).attr('pathname', url);",  # likewise
    },
    "scripts/job.js": {
        "$job_data[0].innerHTML = html;",
        "$(location).attr(\"href\", url_for('queues_view'));",
    },
    "scripts/jobs.js": {
        "$tbody[0].innerHTML = html;",
        "$tbody.append(noJobsHtml);",
        "$el = $(html);",
        "var $el = $(html);",
        "$ul.append($el);",
        "$ul.append(html);",
        "$(location).attr('href', url);",  # of url_for_jobs_view: a path of its own, with its parts encoded
    },
    "scripts/queues.js": {"$tbody.append(html);", "$tbody.append(noQueuesHtml);"},
    "scripts/workers.js": {
        "$('#workers-count').html(workers.length + ' workers registered')",
        "$('#workers-count').html('No workers registered!')",
        "$tbody.append(html);",
        "$tbody.append(noWorkersHtml);",
    },
    # Text of the server's, and links whose address it wrote; labels that a template made of escaped values.
    "draft.js": {
        "for (const file of input.files) if (!tooLarge.has(file)) data.append(input.name, file);",
        'input.before(...new DOMParser().parseFromString(labels, "text/html").body.children);',
        'trouble.append(" ", link);',
    },
    # Read, to compare; and an address that the server wrote.
    "race.js": {
        "const before = form.outerHTML;",
        'if (live.querySelector("form[data-leg]")?.outerHTML === before) '
        "return location.replace(live.dataset.live);",
    },
    "live.js": {"const html = part.outerHTML;", "old.replaceWith(part);"},  # an element that the server wrote
    # Likewise, of a document in which no script runs.
    "list.js": {
        "before.replaceWith(part);",
    },
    "confirm.js": {  # elements whose text was set
        'buttons.append(button("No, go back", "", "button"), button(words, "yes", "button button-main"));',
        "dialog.append(text, buttons);",
        "document.body.append(dialog);",
    },
    "recipients.js": {  # appended as text, or an element whose text was set
        "output.append(strong);",
        'if (twice) output.append(` · ${twice.toLocaleString("en")} there twice, sent once`);',
        "output.append(doubt);",
    },
}

ADDRESSES_OF_OURS = {
    "components/icon.html": {"asset('vendor/lucide/icons.svg')", "asset('logo.svg')"},  # made by url_for
    "components/page.html": {"item.href", "place.href", "previous", "next"},  # made by url_for, by callers
    "drafts/head.html": {"href"},  # likewise
    "mailings/letter.html": {"html_address"},  # likewise
    "rq_dashboard/base.html": {"place.href"},
    "rq_dashboard/navbar.html": {"rq_url_prefix"},
    "webhooks/notices.html": {"page"},
    "webhooks/parts.html": {"action"},
    "webhooks/show.html": {"here('change')"},
}
TAGS_OF_OURS = re.compile(r'described_by\(|kwargs\|attributes$|" (checked|open|selected)" if ')
"""Prints of whole attributes: two macros that escape, and constants."""


def templates_of_the_dashboard(environment: Environment) -> dict[str, str]:
    """Names and sources of all that its views can render, whoever wrote the file."""
    views = ast.parse(Path(web.__file__).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(views) if isinstance(node, ast.Call)]
    renders = [call for call in calls if "render_template" in ast.unparse(call.func)]
    names = {str(ast.literal_eval(call.args[0])) for call in renders}
    found: dict[str, str] = {}
    while names - found.keys():
        name = (names - found.keys()).pop()
        assert environment.loader
        found[name] = environment.loader.get_source(environment, name)[0]
        referred = set(meta.find_referenced_templates(environment.parse(found[name])))
        assert None not in referred, f"{name} includes what only a run can tell"
        names |= {str(name) for name in referred}
    return {name.removeprefix("rq_dashboard/"): source for name, source in found.items()}


@pytest.fixture
def served(app: Flask) -> dict[str, str]:
    return templates_of_the_dashboard(app.jinja_env)


def test_every_print_of_the_dashboard_is_judged(served: dict[str, str]) -> None:
    found = {
        name: {f"{one.context}: {one.value}" for one in prints(source, name.endswith(SCRIPTS))}
        for name, source in served.items()
    }
    assert found == JUDGED


def test_every_place_where_its_scripts_make_html_or_go_elsewhere_is_judged(served: dict[str, str]) -> None:
    scripts = {name: source for name, source in served.items() if name.endswith(".js")}
    scripts |= {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "static/js").glob("*.js")}
    found = {
        name: {line.strip() for line in text.splitlines() if SINK.search(line)}
        for name, text in scripts.items()
    }
    rows = re.compile(r"= \$\('script\[name=[a-z-]+\]'\)\.html\(\);$")  # the source of a row, as we serve it
    found = {name: {line for line in lines if not rows.search(line)} for name, lines in found.items()}
    assert {name: lines for name, lines in found.items() if lines} == JUDGED_SINKS


def test_the_dashboard_reads_nothing_of_a_request_but_the_address() -> None:
    source = Path(web.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"\brequest\.(\w+)", source)) == {"view_args"}


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_no_template_of_ours_prints_where_escaped_html_can_do_harm(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    name = str(path.relative_to(ROOT / "templates"))
    assert not NOT_ESCAPED.search(source)
    assert name.startswith("rq_dashboard/") or not HANDLER.search(source)
    assert [one for one in prints(source) if not is_harmless(name, one)] == []


def is_harmless(name: str, one: Print) -> bool:
    attribute = one.context.removeprefix("@")
    if one.context == "tag":
        return bool(TAGS_OF_OURS.match(one.value))
    if attribute in ADDRESSES and one.stands_first:
        return one.value.startswith("url_for(") or one.value in ADDRESSES_OF_OURS.get(name, ())
    if attribute.startswith("on") or attribute in ("style", "srcdoc"):
        return False
    return one.context in ("text", "@" + attribute) or one.value.endswith("|tojson")


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("<p>{{ a }}</p>", "text"),
        ('<a href="{{ a }}">x</a>', "@href"),
        ("<a href='/x/{{ a }}'>x</a>", "@href"),
        ("<p title={{ a }}>x</p>", "tag"),
        ("<p {{ a }}>x</p>", "tag"),
        ("<p onclick=\"go('{{ a }}')\">x</p>", "@onclick"),
        ("<script>go('{{ a }}')</script>", "script"),
        ("<style>p { color: {{ a }} }</style>", "style"),
        ('<script type="text/template"><b title="<%= a %>"></b></script>', "@title"),
        ('<script type="text/template"><b><%- a %></b></script>', "text"),
        (
            '<script type="text/template"><td <% if (b) { %>title ="x <%= a %>" <% } %>></td></script>',
            "@title",
        ),
    ],
)
def test_a_print_is_found_where_it_stands(template: str, found: str) -> None:
    assert [(one.context, one.value) for one in prints(template)] == [(found, "a")]


@pytest.mark.parametrize(
    "hostile", ["');alert(1);//", "\\", "\u2028", "</script>", "`${alert(1)}", "😀", "\n"]
)
def test_what_stands_in_a_script_s_string_stays_in_it(app: Flask, hostile: str) -> None:
    written = in_script(hostile)
    assert re.fullmatch(r"(\\u[0-9a-f]{4}|[A-Za-z0-9_.-])*", written)
    assert ast.literal_eval(f"'{written}'").encode("utf-16", "surrogatepass") == hostile.encode("utf-16")


def test_a_script_template_escapes_what_is_not_json(app: Flask) -> None:
    environment = app.jinja_env.overlay()
    source = "a('{{ a }}', {{ a|tojson|safe }}, '{{ a|safe }}')"
    compiled = environment.preprocess(source, "rq_dashboard/scripts/new.js")
    assert compiled.count("in_script") == 2
    assert environment.preprocess(source, "page.html") == source
