import hashlib
import hmac
import random
import secrets


def keeps(data, token, given, sent):
    # ruleid: no-weak-digest
    hashlib.md5(data)
    # ruleid: no-weak-digest
    hashlib.new("sha1", data)
    # ok: no-weak-digest
    hashlib.sha256(data)
    # ruleid: no-guessable-randomness
    random.choice(data)
    # ok: no-guessable-randomness
    secrets.choice(data)
    # ruleid: secrets-are-compared-in-the-same-time
    token == given
    # ruleid: secrets-are-compared-in-the-same-time
    sent.mac != given
    # ok: secrets-are-compared-in-the-same-time
    hmac.compare_digest(token, given)
    # ok: secrets-are-compared-in-the-same-time
    token == ""
