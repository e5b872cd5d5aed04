# What backup and restore share. Read by both with `.`; run by nobody.

say() { printf '%s  %s\n' "$(date -u +%H:%M:%SZ)" "$*"; }
stop() {
  printf '%s: %s\n' "$(basename "$0")" "$*" >&2
  exit 1
}

# without_password CONNECTION NAME: everybody on the machine sees what a command is called with, so no password stands there.
without_password() {
  if [[ $1 =~ ://[^/@]*:[^/@]*@ || $1 =~ password[[:space:]]*= ]]; then
    stop "$2: expected a connection without a password; put that into the file that PGPASSFILE names"
  fi
}

# 64 MB: what is sealed is checked as a whole before any of it counts, and that whole has to fit in memory three times.
PIECE=64M

# seal CERTIFICATE NAME: what comes in, as NAME.000.cms, NAME.001.cms and so on, each for whoever has the private key (CMS,
# AES-256-GCM, RFC 5652 and 5084). With "plain" for a certificate it stays as it is: NAME.000, NAME.001.
seal() {
  if [ "$1" = plain ]; then
    split --bytes="$PIECE" --numeric-suffixes --suffix-length=3 - "$2."
    return
  fi
  # The pieces are made by a shell of their own, so the certificate goes there by the environment.
  # shellcheck disable=SC2016
  CERTIFICATE="$1" split --bytes="$PIECE" --numeric-suffixes --suffix-length=3 \
    --filter='openssl cms -encrypt -binary -stream -outform DER -aes-256-gcm -recip "$CERTIFICATE" -keyopt rsa_padding_mode:oaep > "$FILE.cms"' - "$2."
}

# opened KEY NAME: what `seal` made, as it went in. A piece that was changed stops everything.
opened() {
  local piece found=no
  for piece in "$2".[0-9][0-9][0-9] "$2".[0-9][0-9][0-9].cms; do
    [ -e "$piece" ] || continue
    found=yes
    case $piece in
      *.cms)
        [ -n "$1" ] || stop "$(basename "$piece") is sealed: expected the private key for it"
        openssl cms -decrypt -binary -inform DER -inkey "$1" -in "$piece" 2>/dev/null || stop "$(basename "$piece") does not open with this key"
        ;;
      *) cat "$piece" ;;
    esac
  done
  [ "$found" = yes ] || stop "expected $(basename "$2") in the backup, found none"
}

# Where the command and its interpreter are installed. Used by who reads this file.
# shellcheck disable=SC2034
BIN=${SIGNALTABLE_BIN:-/opt/signaltable/.venv/bin}
# What signs and checks the list of a backup.
# shellcheck disable=SC2034
MANIFEST_PY=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../manifest.py
