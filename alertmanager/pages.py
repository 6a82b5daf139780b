"""Build the receiver's HTML pages: the frame that all pages share, and the list of notifications."""

import html
import json
from collections.abc import Iterable

#: The links in the navigation on each page.
NAVIGATION = {"/": "Notifications", "/runbooks/": "Runbooks", "/dashboards/": "Dashboards"}
#: The annotations of an alert that are shown as links.
LINKS = {"runbook_url": "Runbook", "dashboard_url": "Dashboard"}
STYLE = """
:root {
  color-scheme: light dark;
  --page: light-dark(#fff, #14171a); --ink: light-dark(#1b2026, #e7eaed); --muted: light-dark(#5a646e, #a0aab4);
  --line: light-dark(#dfe2e3, #333a41); --code: light-dark(#f3f4f2, #1f2428); --accent: light-dark(#1d6b4f, #72d3ae);
  --red: light-dark(#b3202a, #ff8a8d); --green: light-dark(#1b6e2e, #6fd08c);
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif }
body { overflow-wrap: break-word }
nav, main { max-width: 72rem; margin: 0 auto; padding: 0 1.25rem }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding-top: .9rem; padding-bottom: .9rem }
nav a { color: var(--muted); text-decoration: none }
nav a:hover { text-decoration: underline }
nav a[aria-current] { color: var(--ink); font-weight: 600 }
main { padding-top: .5rem; padding-bottom: 4rem }
.text > * { max-width: 48rem }
h1 { margin: 0 0 .75rem; font-size: 1.8rem; line-height: 1.2; letter-spacing: -.01em }
h2 { margin: 2rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); font-size: 1.2rem }
p { margin: .6rem 0 }
a { color: var(--accent); text-underline-offset: 2px }
code { font: .88em ui-monospace, Menlo, Consolas, "Liberation Mono", monospace }
:not(pre) > code { padding: .1em .3em; border-radius: 4px; background: var(--code) }
pre { margin: 1rem 0 .4rem; padding: .7rem .9rem; overflow-x: auto; line-height: 1.45 }
pre { border: 1px solid var(--line); border-radius: 6px; background: var(--code) }
table { border-collapse: collapse; width: 100%; font-size: .95rem }
th, td { padding: .4rem 1rem .4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top }
th { color: var(--muted); font-weight: 600 }
.quiet { color: var(--muted) }
.sent td:nth-child(-n + 3), .sent td:last-child { white-space: nowrap }
.firing td:nth-child(3) { color: var(--red); font-weight: 600 }
.resolved td:nth-child(3) { color: var(--green); font-weight: 600 }
.sent td:last-child a + a { margin-left: .75rem }
@media (max-width: 700px) {
  table, tbody, tr { display: block }
  thead { display: none }
  tr { padding: .7rem 0; border-bottom: 1px solid var(--line) }
  td { display: inline-block; padding: 0 .6rem 0 0; border: 0 }
  td:last-child, .sent td:nth-child(6) { display: block; padding-top: .25rem }
  .sent td:nth-child(4) { font-weight: 600 }
}
"""
FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{head}<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
<nav aria-label="Pages">{navigation}</nav>
<main class="{kind}">
{body}
</main>
"""
NOTIFICATIONS = """<h1>Notifications</h1>
<p class="quiet">The notifications that Alertmanager has sent, newest first. <a href="/notifications">As JSON</a></p>
<table class="sent">
<thead><tr><th>Received (UTC)<th>Receiver<th>Status<th>Alert<th>Severity<th>Summary<th>Links</thead>
<tbody>
{rows}
</tbody>
</table>"""


def page(title: str, body: str, *, at: str = "", kind: str = "", head: str = "") -> str:
    """Return a page with the navigation above ``body``. ``at`` is the page's own path in the navigation."""
    navigation = "".join(
        f'<a href="{path}"{" aria-current=page" if path == at else ""}>{name}</a>' for path, name in NAVIGATION.items()
    )
    title = html.escape(title)
    return FRAME.format(title=title, style=STYLE, navigation=navigation, body=body, kind=kind, head=head)


def message(title: str, sentence: str) -> str:
    """Return a page with a single message, such as ``Not found``."""
    return page(title, f"<h1>{html.escape(title)}</h1>\n<p>{html.escape(sentence)}</p>", kind="text")


def notifications(kept: Iterable[bytes]) -> str:
    """Return the page that lists all notifications, newest first. It reloads itself every 10 s."""
    rows = [_row(json.loads(line)) for line in kept]
    body = NOTIFICATIONS.format(rows="\n".join(reversed(rows)) or '<tr><td colspan="7">None yet.')
    return page("Notifications", body, at="/", head='<meta http-equiv="refresh" content="10">\n')


def _row(kept: dict) -> str:
    def values(kind: str, name: str) -> list[str]:
        return list(dict.fromkeys(alert[kind].get(name, "") for alert in kept["alerts"]))

    cells = (
        kept["received"][:19].replace("T", " "),
        kept["receiver"],
        kept["status"],
        ", ".join(values("labels", "alertname")),
        ", ".join(values("labels", "severity")),
        ", ".join(values("annotations", "summary")),
    )
    links = [
        f'<a href="{html.escape(url)}">{text}</a>'
        for name, text in LINKS.items()
        for url in values("annotations", name)
        if url.startswith(("http://", "https://"))
    ]
    return f'<tr class="{kept["status"]}"><td>{"<td>".join(map(html.escape, cells))}<td>{"".join(links)}'
