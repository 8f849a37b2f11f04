# shellcheck shell=bash disable=SC2154
# The outside software, pinned by requirements.txt and package-lock.json and installed once.

# Runs a command when what it makes was not made from these inputs.
once() {
  local stamp=$1 inputs=$2
  shift 2
  [[ -e $stamp && $(<"$stamp") == "$inputs" ]] && return
  rm -f "$stamp"
  "$@"
  echo "$inputs" >"$stamp"
}

python_peers() {
  command -v python3 >/dev/null || fail "python3 is missing"
  once "$venv/made-from" "$(python3 --version; sha256sum <"$here/requirements.txt")" make_venv
}

make_venv() {
  step "installing pyzoom, zoomus and requests-oauthlib in $venv"
  rm -rf "$venv"
  python3 -m venv "$venv" >&2 || fail "python3 cannot make a virtual environment: on Debian install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
    --requirement "$here/requirements.txt" >&2
}

node_peers() {
  command -v npm >/dev/null || fail "npm is missing: install Node 20 or later"
  once "$here/node_modules/.made-from" \
    "$(node --version; cat "$here/package.json" "$here/package-lock.json" | sha256sum)" install_packages
}

install_packages() {
  step "installing rivet and openid-client in tests/peers/node_modules"
  npm ci --prefix "$here" --ignore-scripts --loglevel error >&2
}

# Waits until a command succeeds.
await() {
  local what=$1 end=$((SECONDS + limit))
  shift
  until "$@"; do
    ((SECONDS < end)) || fail "$what: not within $limit s"
    sleep 0.1
  done
}

# What the group of a pattern matches first in the log of a process; waited for as long as the process lives.
word_of() {
  local log=$2 pattern=$3
  await "$pattern in $(basename "$log")" has_word_or_ended "$@"
  sed -nE "s/.*$pattern.*/\1/p" "$log" | grep -m1 . || fail "$(basename "$log" .log) has ended: $(tail -n 3 "$log")"
}

has_word_or_ended() { grep -qsE "$3" "$2" || ! kill -0 "$1" 2>/dev/null; }
