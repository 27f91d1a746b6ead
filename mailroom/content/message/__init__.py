"""Message: a content as it goes over the wire, laid out once per mailing.

compiled.py stands over all: body.py and encoding.py (text and HTML), headers.py, custom_headers.py and
header_lines.py, message_ids.py, provider_fields.py, file_names.py, and mime.py, which holds the parts
together. stencil.py fills most letters without any of them.
"""
