"""Results of a mailing, as its report tells them: figures and pictures, on a page, in a file, on paper.

told.py (all that is said, whoever asks), kept.py (counted once for several who look), drawing.py with
pictures.py (pictures as geometry, for SVG and PDF alike), results_csv.py, results_pdf.py with pdf_font.py.
"""
