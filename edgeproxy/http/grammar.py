"""RFC 9110, RFC 9112 and RFC 3986 as named pieces.

The pieces carry the names of the RFCs' ABNF, so that each can be checked against its
rule. They are written for one C-level pass: classes of characters are repeated
possessively and groups begin with what cannot end the one before, so no input costs
more than its length. (Groups are not repeated possessively: Python 3.11.2 accepts
wrong input then, CPython issue 106052.)

Where the RFC lets a recipient choose, the stricter reading is taken: no obs-fold, no
bare CR or LF, no whitespace but the one space between the parts of a start line.
"""

from __future__ import annotations

import re

# RFC 9110 section 5.6.2
tchar = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
token = rb"[" + tchar + rb"]++"

# RFC 9110 section 5.5: VCHAR, obs-text, SP and HTAB; never CR, LF, NUL or DEL.
field_text = rb"[\t\x20-\x7e\x80-\xff]*+"
ows = rb"[ \t]*+"

# RFC 9110 section 5.6.4
quoted_string = (
    rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
)

# RFC 9112 section 3.2. Any visible ASCII character but '#', which would start a
# fragment (RFC 3986 section 3.5) and is never sent. What of the rest needs percent
# encoding is between the client and the resource; a proxy sends it on as it came.
request_target = rb"[\x21\x22\x24-\x7e]++"

# RFC 3986 section 3.2.2; sub-delims as they stand there.
reg_name = rb"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
ip_literal = (
    rb"\[(?:[0-9A-Fa-f:.]{2,45}|v[0-9A-Fa-f]+\.[A-Za-z0-9\-._~!$&'()*+,;=:]+)\]"
)
uri_host = rb"(?:" + ip_literal + rb"|" + reg_name + rb")"

# RFC 9112 section 7.1 and 7.1.1. Sixteen digits are 64 bits.
chunk_size = rb"[0-9A-Fa-f]{1,16}+"
chunk_ext = (
    rb"(?:[ \t]*;[ \t]*" + token + rb"(?:[ \t]*=[ \t]*(?:" + token + rb"|"
    + quoted_string + rb"))?)*"
)  # fmt: skip

TOKEN = re.compile(token)
FIELD_TEXT = re.compile(field_text)
REQUEST_TARGET = re.compile(request_target)

# RFC 9112 section 3: exactly one space on each side of the target.
REQUEST_LINE = re.compile(
    rb"(" + token + rb") (" + request_target + rb") HTTP/1\.([01])\r\n"
)

# RFC 9112 section 4. The space before an empty reason is left out by some servers and
# asked of them by the RFC; nothing can be smuggled through its absence.
STATUS_LINE = re.compile(
    rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: (" + field_text + rb"))?\r\n"
)
HTTP_VERSION = re.compile(rb"HTTP/[0-9]\.[0-9]")

# One field line, from its start to its CRLF (RFC 9112 section 5). Trailing whitespace
# stays in the value: it is rare, and taking it off is cheaper when it is there.
FIELD_LINE = re.compile(
    rb"(?m)^(" + token + rb"):" + ows + rb"(" + field_text + rb")\r\n"
)

CHUNK_LINE = re.compile(rb"(" + chunk_size + rb")" + chunk_ext + rb"\r\n")

# RFC 9112 section 3.2.1 to 3.2.4
HOST = re.compile(uri_host + rb"(?::([0-9]{0,5}+))?")
AUTHORITY_FORM = re.compile(uri_host + rb":([0-9]{1,5}+)")
ABSOLUTE_FORM = re.compile(rb"(?i:https?)://([^/?@]*+)([/?][\x21-\x7e]*+)?")
