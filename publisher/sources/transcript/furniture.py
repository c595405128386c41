"""Furniture: what live blogs say that is no news. Tables of words; ``tokens`` asks what a line is.

Every rule names a whole line, or the beginning of one that can hardly be news. Expressions are of lower case and asked
about lines in lower case: to ignore case costs them ten times as much.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_LABEL = 100
"""Characters; labels of buttons and boxes are shorter."""
LONGEST_NOTICE = 400
"""Characters; notices to the reader are shorter."""


def _squeezed(labels: Iterable[str]) -> frozenset[str]:
    return frozenset(label.lower().replace(" ", "") for label in labels)


# Compared without spaces: a label and the alt text of its icon come glued together.
_CONTROLS = _squeezed(
    (
        "Sort by", "Dropdown arrow", "Sort by Dropdown arrow", "Link copied", "Link copied!", "Copy link", "Share",
        "Copy link to clipboard", "Share this post", "Share on Facebook", "Share on Twitter", "Share via email",
        "Advertisement", "Ad feedback", "Video Ad feedback", "Show more", "Show less", "Load more", "Load more posts",
        "Previous Next", "Previous", "Next", "Timeline Refresh", "Timeline", "Refresh", "Font Size", "Viewer Comments",
        "Translate posts and comments.", "Newest first", "Oldest first", "Sort by newest", "Jump to latest",
        "Live blog: quote", "Get involved", "View more", "Read more posts", "Back to top", "end of list", "Email",
        "Facebook", "Twitter", "WhatsApp", "Comments", "Post a comment", "Close", "Pause", "Play video", "Anzeige",
        "Teilen", "Mehr anzeigen", "Image", "Image caption", "Updated", "Breaking", "Breaking news", "Just in",
        "Show key events only", "Please turn on JavaScript to use this feature", "Be the first to get Breaking News",
        "Partager", "Compartir", "Condividi", "Delen", "Compartilhar", "Live feed", "Link", "Alt", "Reply", "Vote",
        "Continue reading the main story", "Accept all", "Reject all", "Accept cookies", "Cookie settings",
        "Manage preferences", "Manage cookies", "Alle akzeptieren", "Tout accepter", "Aceptar todo", "Unsubscribe",
        "View in browser", "Abbestellen", "Se désabonner",
    )
)  # fmt: skip
_NAVIGATION = _squeezed(
    ("Live Updates", "Live Reporting", "Follow CNN", "Skip to main content", "Skip to content", "Accessibility links",
     "Accessibility help", "Menu", "Search", "Sign in", "Subscribe", "Home", "Live")
)  # fmt: skip
_BUTTON = (
    r"from [0-9]{1,3}(?:s|m|h|d)? ago"
    r"|(?:share|copy link to|link to) (?:this|the) (?:update|post|article|story|page)"
    r"|(?:show|load|view|see) (?:more|all|older|newer|earlier)(?: (?:updates|posts|comments|entries|stories))?"
    r"|(?:page |photo |picture |image )?[0-9]{1,4} (?:of|/) [0-9]{1,4}"
    r"|[0-9.,]{1,9} votes?(?: ·.{0,40})?"
)
_FIGURE = re.compile(r"[0-9][0-9.,]{0,8}[KkMm]?")
_SIGN = "['’′]"  # noqa: RUF001 pages write minutes with all of them
EVENT_MINUTE = re.compile(
    rf"(?P<minute>[0-9]{{1,3}})(?:{_SIGN}(?: ?\+ ?(?P<added>[0-9]{{1,2}}){_SIGN}?)?"
    rf"|\+(?P<early>[0-9]{{1,2}}){_SIGN}):?(?= |$)"
)
"""Opens a line of a match, ``90'+4``, ``45+2'``."""
_PAGES = re.compile(r"page ([0-9]{1,5}) (?:of|/) (?!1$)([0-9]{1,5})")
_TEASERS = _squeezed(
    ("Most popular", "Most read", "Most viewed", "Trending", "Top stories", "More on this story", "More stories",
     "Recommended", "Recommended stories", "You may also like", "Related stories", "Related topics",
     "Related articles", "Meistgelesen", "Meist gelesen", "Les plus lus", "Lo más leído", "Mais lidas", "Più letti",
     "Meest gelezen")
)  # fmt: skip
_PINNED = r"pinned(?: post)?(?: (?:from|by).{0,40})?|angeheftet|épinglé|fijado"
_SEPARATOR = "[_*=~–—•· -]{3,}"
_BOILERPLATE = re.compile(
    r"got a tv licen[cs]e\?"
    r"|[0-9]+ min(?:ute)?s?(?: to)? read$"
    r"|you need one to watch live tv\b"
    r"|ie ?11 is not supported"
    r"|(?:you(?:'|’)re|you are) using an? (?:older|outdated|unsupported) browser"
    r"|please note\W*$"
    r"|the (?:washington )?[a-z ]{0,20}is (?:providing|offering) (?:this|these|important).{0,60}\bfree\b"
    r"|(?:this|our) (?:story|coverage|content|article) is (?:free|available free)\b"
    r"|(?:click here to )?(?:sign up|subscribe)\b.{0,40}\b(?:newsletter|alerts?|inbox|briefing|updates)\b"
    r"|get (?:the|our) .{0,60}\b(?:newsletter|inbox)\b"
    r"|download (?:the|our) .{0,30}\bapp\b"
    r"|follow .{2,60}\b(?:here|on (?:facebook|twitter|whatsapp|telegram))\.?$"
    r"|all (?:times|timings)\b(?! (?:high|low|record))[^.]{0,60}\.?$"
    r"|we(?:'|’)d like to hear from you"
    r"|we value your privacy"
    r"|we (?:and our|use) (?:[0-9,.]+ )?(?:partners|cookies)\b"
    r"|this (?:web)?site uses cookies\b"
    r"|(?:wir verwenden|nous utilisons des|utilizamos|usamos|utilizziamo|wij gebruiken) cookies\b"
    r"|\+\+\+ (?:ende|anfang) .{0,40}\+\+\+$",
)
_BROWSER_WORDS = ("older browser version", "feature is currently unavailable")
_LIVE = (
    r"(?:this|the|our|today(?:'|’)s)? ?"
    r"(?:live ?-?(?:blog|coverage|ticker|page|reporting|feed|stream|updates?)|blog|ticker|coverage|page)"
)
_WE_END = r"(?:now )?(?:pausing|closing|wrapping up|ending) (?:our|this|the) (?:live )?(?:coverage|blog|liveblog)\b.*"
_CLOSING = re.compile(
    rf"(?:that(?:'|’)s (?:it|all) for (?:now|today|tonight)\W+)?{_LIVE}(?: (?:of|on|about|for) [^.!?]{{1,80}})?"
    r" (?:has|have|is|are) (?:now )?(?:been )?"
    r"(?:ended|concluded|closed|finished|moved|over|no longer being updated|paused)\b.*"
    rf"|we(?: are|'re|’re) {_WE_END}"
    r"|this (?:page|article|story) is no longer being updated\b.*"
    r"|der (?:live-?)?ticker (?:ist|wird) (?:hiermit |nun |jetzt )?(?:beendet|geschlossen)\b.*",
)
_SUMMARY = (
    r"(?:live updates: )?(?:"
    r"what (?:we(?:'|’)ve|we have|we) (?:covered|learned|learnt|know)(?: (?:so far|today))?(?:, .{0,40})?"
    r"|what you need to know|what to know|what(?:'|’)s happening"
    r"|here(?: are| is| were|(?:'|’)s) (?:the|some|a few|what).{0,40}"
    r"(?:developments|updates|headlines|need to know|know so far)"
    r"|here(?: is|(?:'|’)s) (?:a |our |the )?(?:quick |brief |short )?(?:summary|recap|round-?up)"
    r"(?: (?:of|so far).{0,40})?"
    r"|(?:the |some )?(?:significant|latest|main|key|important) "
    r"(?:developments|points|posts|events|moments|lines|takeaways|updates)"
    r"|read the highlights|highlights|at a glance|in (?:brief|short)"
    r"|(?:closing|opening|evening|morning|afternoon|midday|early|daily|quick)? ?(?:summary|recap|round-?up)(?: so far)?"
    r"|l(?:'|’)essentiel|ce qu(?:'|’)il faut (?:savoir|retenir)|lo (?:esencial|más importante)|las claves"
    r"|in sintesi|i punti principali|het belangrijkste(?: op een rij)?|o essencial"
    r"|das wichtigste (?:im überblick|in kürze)|die wichtigsten (?:ereignisse|entwicklungen|meldungen).{0,30}"
    r")[:.]?"
)
_LABELS = dict.fromkeys(_CONTROLS, "CONTROL") | dict.fromkeys(_NAVIGATION, "NAVIGATION") | {"keyevent": "KEY_EVENT"}
_SHAPES = re.compile(
    rf"(?P<CONTROL>{_BUTTON})|(?P<PINNED>{_PINNED})|(?P<SEPARATOR>{_SEPARATOR})|(?P<SUMMARY>{_SUMMARY})"
)


def label_kind(text: str) -> str | None:
    """Tell which label a line is, by the names of ``tokens.Kind``; None if it is none.

    ``CONTROL`` is one of the page's buttons and boxes, ``NAVIGATION`` stands above a page, ``PINNED`` above a pinned
    post, ``KEY_EVENT`` beside a key event, ``SEPARATOR`` is a rule, ``SUMMARY`` heads a box of key points.
    """
    if len(text) > LONGEST_LABEL:
        return None
    said = text.lower()
    shape = _SHAPES.fullmatch(said)
    return _LABELS.get(said.replace(" ", "")) or (shape.lastgroup if shape else None)


def doubt_of_pages(text: str) -> str | None:
    """Say what is to be doubted where a line says that the page is one of several; None for other lines."""
    page = _PAGES.fullmatch(text.lower())
    return f"this is page {page[1]} of {page[2]}; save the others and read them too" if page else None


def is_figure(text: str) -> bool:
    """Tell whether a line is a bare number: replies, shares and likes, the pages that a site numbers."""
    return _FIGURE.fullmatch(text) is not None


def is_event_minute(text: str) -> bool:
    """Tell whether a line is a minute of a match, ``90'+4``: a clock of the event, not of the world."""
    match = EVENT_MINUTE.match(text)
    return match is not None and match.end() == len(text)


def is_teaser(text: str) -> bool:
    """Tell whether a line heads a list of other pages."""
    return text.lower().replace(" ", "") in _TEASERS


def is_boilerplate(text: str) -> bool:
    """Tell whether a line speaks of the site, not of the news."""
    if len(text) > LONGEST_NOTICE:
        return False
    return _BOILERPLATE.match(text.lower()) is not None or _BROWSER_WORDS[0] in text or _BROWSER_WORDS[1] in text


def is_closing(text: str) -> bool:
    """Tell whether a line says that the coverage has ended or moved."""
    return len(text) <= LONGEST_NOTICE and _CLOSING.fullmatch(text.lower()) is not None
