"""Layout of every page.

assets.py, links.py, fragments.py, template_globals.py, navigation.py, filters.py, reader_zone.py.
"""
