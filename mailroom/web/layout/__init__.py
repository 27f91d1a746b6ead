"""Layout of every page.

navigation.py, filters.py and reader_zone.py are what templates speak in; assets.py and links.py lead from one
page to another; template_globals.py and fragments.py keep what each page would make anew.
"""
