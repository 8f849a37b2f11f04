# shellcheck shell=bash disable=SC2154
# What is printed: a line per case on standard output, progress on standard error.

step() { echo "peers: $*" >&2; }
result() { tee -a "$results" <<<"$*"; }

# Ends the run. Also used within $(...), where standard output is taken: tidy prints it.
fail() {
  echo "FAIL $part: $*" >"$work/broken-off"
  exit 1
}

# Runs a program that prints its cases. That it fails is news only when no case of it has.
judge() {
  local name=$1 code=0 before
  shift
  before=$(grep -c '^FAIL ' "$results" || true)
  "$@" | tee -a "$results" || code=$?
  if ((code != 0)) && [[ $(grep -c '^FAIL ' "$results") == "$before" ]]; then
    result "FAIL $name: ended with code $code"
  fi
}

summary() {
  local passed failed skipped names=
  passed=$(grep -c '^ok ' "$results" || true)
  failed=$(grep -c '^FAIL ' "$results" || true)
  skipped=$(grep -c '^skip ' "$results" || true)
  ((skipped == 0)) || names=", $skipped skipped: $(sed -n 's/^skip \([^:]*\).*/\1/p' "$results" | paste -sd ' ')"
  echo "$passed passed, $failed failed$names"
  ((failed == 0))
}
