import os
import pickle
import subprocess
import xml.etree.ElementTree

import defusedxml.ElementTree


def runs(command, data, environment):
    # ruleid: no-shell
    subprocess.run(command, shell=True, env=environment)
    # ruleid: no-shell
    os.system(command)
    # ok: no-shell
    subprocess.run([command], env=environment)
    # ruleid: environment-by-name
    subprocess.Popen([command])
    # ruleid: environment-by-name
    subprocess.run([command], env={**os.environ, "A": "b"})  # nosemgrep: environment-in-one-place
    # ok: environment-by-name
    subprocess.Popen([command], env=environment)
    # ok: environment-by-name
    subprocess.TimeoutExpired(command, 1)
    # ruleid: environment-in-one-place
    os.environ["PATH"]
    # ruleid: environment-in-one-place
    os.getenv("PATH")
    # ok: environment-in-one-place
    environment["PATH"]
    # ruleid: no-code-out-of-data
    eval(data)
    # ruleid: no-code-out-of-data
    pickle.loads(data)
    # ok: no-code-out-of-data
    json.loads(data)
    # ruleid: no-own-xml-reader
    xml.etree.ElementTree.fromstring(data)
    # ok: no-own-xml-reader
    defusedxml.ElementTree.fromstring(data)
