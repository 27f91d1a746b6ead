"""What every page is made with: assets.py, navigation.py, filters.py."""
