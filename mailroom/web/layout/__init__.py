"""Layout of every page: assets.py, navigation.py, filters.py, reader_zone.py."""
