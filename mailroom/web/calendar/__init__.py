"""Calendar of what is to come: month.py (a month of days), planned.py (what is planned in it)."""
