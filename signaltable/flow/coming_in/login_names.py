"""What a login name may look like, so that no two are read as one. Pure."""

import unicodedata


def is_login_name(name: str) -> bool:
    """Whether this can be a login name: no spaces and nothing unseen, and letters that look like no others.

    Those are the ones of ASCII, with or without accents, each written in one way (Unicode NFC): a Cyrillic a would make a
    second account that administrators and the log read as the first one (UTS 39, confusables).
    """
    written_once = unicodedata.normalize("NFC", name) == name
    plain = all(unicodedata.normalize("NFD", sign)[0].isascii() for sign in name)
    return bool(name) and name.isprintable() and " " not in name and written_once and plain
