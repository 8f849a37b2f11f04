# shellcheck shell=bash disable=SC1091
lib=$(dirname "${BASH_SOURCE[0]}")
for part in settings report packages binaries tools preflight certificates network configuration components images traces cluster; do
  # shellcheck disable=SC1090
  source "$lib/$part.sh"
done
