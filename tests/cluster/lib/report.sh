# What the user sees: steps, failures, and waiting on conditions instead of sleeping.
# shellcheck shell=bash

step() { printf '==> %s\n' "$*" >&2; }

note() { printf '    %s\n' "$*" >&2; }

# fail MESSAGE [HINT...]
fail() {
  printf 'error: %s\n' "$1" >&2
  shift
  [[ $# -eq 0 ]] || printf '       %s\n' "$@" >&2
  exit 1
}

# A machine that cannot carry a cluster is no dead end.
cannot_run_here() {
  fail "$@" "To run the tests against a cluster of your own, set KUBECONFIG and CLUSTER=current."
}

# try_for SECONDS COMMAND...: whether COMMAND succeeds before SECONDS have passed.
try_for() {
  local limit=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < limit)) || return 1
    sleep 0.1
  done
}

# run_with_pulse LOG COMMAND...: runs COMMAND with its output in LOG and keeps saying how far it has come.
run_with_pulse() {
  local log=$1 started=$SECONDS process pause=15 ending='\n'
  shift
  if [[ -t 2 ]]; then
    pause=1
    ending='\r'
  fi
  # With its parent gone the work ends as well: an interrupted `up` leaves nothing running.
  setpriv --pdeathsig TERM -- "$@" >"$log" 2>&1 8>&- 9>&- &
  process=$!
  while ! timeout "$pause" tail --pid=$process -f /dev/null; do
    printf "    %2d:%02d elapsed, %5d done, %-60.60s$ending" $(((SECONDS - started) / 60)) \
      $(((SECONDS - started) % 60)) "$(wc -l <"$log")" "$(tail -n 1 "$log")" >&2
  done
  [[ $ending == '\n' ]] || printf '%80s\r' '' >&2
  wait $process
}
