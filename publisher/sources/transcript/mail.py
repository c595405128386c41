"""Mail: the head of a digest that came by mail and was saved as text, ``From: … Sent: … Subject: …``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from publisher.sources.transcript.stamps import read_stamp
from publisher.sources.transcript.tokens import Kind, Token

if TYPE_CHECKING:
    from collections.abc import Sequence

# As mail programs write them in the languages of ``dates``.
_FIELD = re.compile(
    r"(?:(?P<subject>subject|betreff|objet|asunto|assunto|oggetto|onderwerp)"
    r"|(?P<date>date|sent|datum|gesendet|envoyé|fecha|enviado|data|inviato|verzonden)"
    r"|from|to|cc|bcc|reply-to|von|an|de|à|para|da|van|aan|list-unsubscribe)[ ]?: (?P<value>\S.*)",
    re.IGNORECASE,
)
_AGAIN = re.compile(r"(?:(?:re|fwd?|aw|wg|tr|rv|enc|i|doorst) ?: )+", re.IGNORECASE)
_FARTHEST = 12
"""Lines within which such a head begins."""


def take_mail_head(tokens: Sequence[Token]) -> list[Token]:
    """Give the tokens with the subject as a line of text and the date as the page's own; the rest is no news."""
    found = list(tokens)
    start = next((place for place, token in enumerate(found[:_FARTHEST]) if _FIELD.fullmatch(token.text)), None)
    if start is None:
        return found
    end = start
    while end < len(found) and (not found[end].text or _FIELD.fullmatch(found[end].text)):
        end += 1
    fields = [(place, match) for place in range(start, end) if (match := _FIELD.fullmatch(found[place].text))]
    if len(fields) < 2 or not any(match["subject"] for _, match in fields):
        return found
    for place, match in fields:
        token = found[place]
        stamp = read_stamp(match["value"]) if match["date"] else None
        if match["subject"]:
            found[place] = Token(Kind.TEXT, token.line, _AGAIN.sub("", match["value"], count=1))
        elif stamp:
            found[place] = token._replace(kind=Kind.UPDATED, stamp=stamp, mark=None)
        else:
            found[place] = token._replace(kind=Kind.CONTROL, mark=None)
    return found
