"""The pages of lists. Each module adds its views to one blueprint when it is imported."""

from __future__ import annotations

from mailroom.web.pages import list_import, list_members, lists, lists_of_some

LIST_PAGES = (lists, list_members, list_import, lists_of_some)

blueprint = lists.blueprint
