import smtplib
import socket
import ssl
import urllib.request

import requests


def speaks(address, context):
    # ruleid: no-waiting-without-end
    requests.get(address)
    # ok: no-waiting-without-end
    requests.get(address, timeout=5)
    # ruleid: no-waiting-without-end
    socket.create_connection(address)
    # ok: no-waiting-without-end
    socket.create_connection(address, timeout=5)
    # ruleid: no-waiting-without-end
    smtplib.SMTP(address)
    # ok: no-waiting-without-end
    smtplib.SMTP(address, timeout=5)
    # ruleid: no-unproved-server
    requests.get(address, verify=False, timeout=5)
    # ruleid: no-unproved-server
    context.check_hostname = False
    # ok: no-unproved-server
    context.check_hostname = True
    # ruleid: only-where-settings-lead
    urllib.request.urlopen(address)
    # ok: only-where-settings-lead
    urllib.parse.urlsplit(address)
