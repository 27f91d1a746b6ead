"""Writing: a letter as its author writes it (text, Markdown, HTML, MJML) becomes what is mailed.

written.py (one letter, as it is written), written_template.py (one that is kept), layout.py (the letterhead
around it), mjml_source.py (what is wrong with MJML), hidden_tags.py (merge tags survive a conversion),
inlining.py (CSS), pictures.py (files that the letter shows), pasted.py (what was copied in Word).
converter.py has it done by converter_program.py, a process of its own, with markdown_text.py.
"""
