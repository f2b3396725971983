# ruff: noqa: E501  (a table of stems, a line each)
"""Words of a source in the words of the vocabulary: "Einlösung" is Points Redeemed, "bounced" is Email Bounced.

In: a kind, one of its columns with accepted words, and the words that a file uses. Out: a translation of those that are
understood, by stems in several languages, the first that fits.

>>> translated("loyalty_events", "event_name", ["Gutschrift", "Einlösung", "??"])
{'Gutschrift': 'Points Earned', 'Einlösung': 'Points Redeemed'}
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from floorwalker.events.vocabulary import KINDS

_YES = r"^(true|t|yes|y|1|ja|oui|si|sim|s|x|on)$"
_NO = r"^(false|f|no|n|0|nein|non|nee|nao|off)$"
_STEMS: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {
    ("loyalty_events", "event_name"): (
        ("Points Redeemed", r"redee|burn|spen[dt]|einlos|utilis|depens|canje|canjear|riscat|spes|inwissel|verzilver|debit|"
                            r"abzug|abbuch|used|uso|einlosung|reward claimed|minus"),
        ("Loyalty Left", r"left|leave|cancel|clos|kundig|abmeld|austritt|resili|baja|desinscri|opzeg|terminat|exit"),
        ("Loyalty Joined", r"join|enrol|sign ?up|regist|anmeld|beitritt|adhes|inscri|alta|iscri|aanmeld|neu|new|welcome|open"),
        ("Tier Changed", r"tier|level|upgrade|downgrade|stufe|status|niveau|nivel|livello|palier"),
        ("Points Earned", r"earn|accru|collect|gutschr|sammel|gagn|credit|acqui|acum|accumul|guadagn|verdien|gespaard|"
                          r"spaar|purchase|kauf|achat|bonus|award|aankoop|compra|acquisto|issue|plus|add|promo"),
    ),
    ("email_events", "event_name"): (
        ("Unsubscribed", r"unsub|opt ?out|abmeld|desinscri|desabonn|baja|disiscri|uitschr|afmeld"),
        ("Email Marked as Spam", r"spam|complain|beschwerde|plainte|abuse|junk"),
        ("Email Bounced", r"bounce|fail|undeliver|rejet|rebot|unzustell|retour|drop|hard|soft"),
        ("Email Link Clicked", r"click|klick|cliqu|clic|klik"),
        ("Email Opened", r"open|offn|ouver|ouvert|abiert|apert|geopend|read|lu"),
        ("Email Delivered", r"deliver|zugest|livre|entreg|consegn|bezorgd|afgeleverd"),
        ("Email Sent", r"sent|send|versand|gesendet|envoy|envi|invi|verzond|verstuurd|processed"),
    ),
    ("browse_events", "event_name"): (
        ("Product Viewed", r"^(product ?view(ed)?|view ?item|view ?content|detail|view ?product|pdp ?view|product ?page|view)$"),
        ("Product List Viewed", r"^(product ?list ?viewed|view ?item ?list|category ?view|view ?category|plp ?view)$"),
        ("Product Added", r"^(product ?added|add ?to ?(cart|basket|bag)|addtocart|cart ?add|atc|cart)$"),
        ("Product Removed", r"^(product ?removed|remove ?from ?(cart|basket|bag)|cart ?remove)$"),
        ("Cart Viewed", r"^(cart ?viewed|view ?(cart|basket|bag))$"),
        ("Checkout Started", r"^(checkout ?started|begin ?checkout|initiate ?checkout|start ?checkout|checkout)$"),
        ("Order Completed", r"^(order ?completed|purchase|transaction|order|buy|order ?placed|conversion)$"),
        ("Products Searched", r"^(products? ?searched|search|view ?search ?results|site ?search)$"),
        ("Product Clicked", r"^(product ?clicked|select ?item|product ?click|click)$"),
        ("Page Viewed", r"^(page ?view(ed)?|pageview|page|visit|screen ?view)$"),
        ("Product Added to Wishlist", r"^(product added to wishlist|add ?to ?wishlist|favou?rite|wishlist)$"),
    ),
    ("consents", "status"): (
        ("withdrawn", r"unsub|withdr|opt(ed)? ?out|revok|widerruf|retir|abgemeldet|desabonn|baja|uitgeschr|cleaned|never"),
        ("denied", _NO + r"|denied|refus|not|declin|reject|abgelehnt|nicht|kein|rifiut|geweiger"),
        ("granted", _YES + r"|grant|subscrib|opt(ed)? ?in|accept|agree|consent|zugestimmt|erteilt|angemeldet|abonn|"
                    r"accord|inscrit|iscritt|suscrit|akkoord|toegest|activ"),
    ),
    ("consents", "purpose"): (
        ("marketing_sms", r"sms|text"),
        ("marketing_push", r"push"),
        ("marketing_email", r"mail|newsletter|news|courriel|boletin|nieuwsbrief|marketing|werbung"),
        ("analytics", r"analy|statist|measure|mesure"),
        ("personalization", r"person"),
        ("ads", r"^ads?$|advert|retarget|werbe|public"),
        ("profiling", r"profil"),
        ("all", r"^(all|alle|tous|todos|tutti)$"),
    ),
}  # fmt: skip


def translated(kind: str, column: str, words: Iterable[str]) -> dict[str, str]:
    """What is understood of `words`; words that are accepted as they stand translate to themselves."""
    accepted = {word.lower(): word for word in KINDS[kind].column(column).values}
    stems = [(word, re.compile(stem)) for word, stem in _STEMS.get((kind, column), ())]
    found = {}
    for word in words:
        own = accepted.get(word.lower())
        plain = _plain(word)
        fits = own or next((one for one, stem in stems if stem.search(plain)), None)
        if fits:
            found[word] = fits
    return found


def _plain(word: str) -> str:
    text = unicodedata.normalize("NFKD", word.lower().replace("ß", "ss"))
    text = "".join(char for char in text if not unicodedata.combining(char))
    return re.sub(r"[\W_]+", " ", text).strip()
