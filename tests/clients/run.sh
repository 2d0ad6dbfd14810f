#!/usr/bin/env bash
# Checks that unmodified public clients work with the practice org as `longshore practice serve`
# serves it: simple-salesforce and auth0-python, jsforce and auth0 (JavaScript).
#
# Needs the Rust toolchain, Python 3 with venv, and Node.js 20.19 or later with npm; what of these two is
# missing is installed with apt-get where that is possible. Everything else (packages, caches, the
# served org's files) stays below target/clients/, so a second run installs nothing.
#
# CLIENTS_PROFILE=debug checks the debug build instead of the release build.
set -euo pipefail
cd "$(dirname "$0")/../.."
here=$PWD/tests/clients
base=$PWD/target/clients
mkdir -p "$base"

# Nothing may be written outside target/, and no proxy may stand between the clients and this machine.
export PIP_CACHE_DIR=$base/pip-cache PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
export npm_config_cache=$base/npm-cache
export NO_PROXY=localhost,127.0.0.1 no_proxy=localhost,127.0.0.1
unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE NODE_EXTRA_CA_CERTS

say() { echo "-- $* ($SECONDS s)"; }
fail() {
  echo "$0: $*" >&2
  exit 1
}

has_python() { python3 -c 'import venv, ensurepip, sys; sys.exit(sys.version_info < (3, 10))' 2>&-; }
has_node() {
  npm --version >/dev/null 2>&1 &&
    node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
      process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1)' 2>&-
}

install_runtimes() {
  local wanted=()
  has_python || wanted+=(python3 python3-venv python3-pip)
  has_node || wanted+=(nodejs npm)
  ((${#wanted[@]})) || return 0
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "needs ${wanted[*]}; install them and run it again"
  fi
  say "apt-get install ${wanted[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -qq -y --no-install-recommends "${wanted[@]}" >"$base/apt.log" 2>&1 ||
    { tail -n 20 "$base/apt.log" >&2; fail "apt-get failed"; }
  has_python || fail "Python 3.10 or later with venv is still missing"
  has_node || fail "Node.js 20.19 or later with npm is still missing"
}

# install_once DIR KEY COMMAND...: runs the command unless it has made DIR from the same KEY before.
install_once() {
  local dir=$1 key=$2
  shift 2
  [[ -f $dir/.made-from && $(<"$dir/.made-from") == "$key" ]] && return 0
  say "installing into ${dir#"$PWD"/}"
  rm -rf "$dir"
  "$@"
  printf '%s' "$key" >"$dir/.made-from"
}

install_python() {
  python3 -m venv "$base/venv"
  "$base/venv/bin/pip" install --quiet --require-virtualenv --no-deps \
    --requirement "$here/requirements.txt"
  "$base/venv/bin/pip" check
}

install_node() {
  mkdir -p "$base/node"
  cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$base/node/"
  (cd "$base/node" && npm ci --silent)
}

server=
stop() {
  [[ -n $server ]] || return 0
  local pid=$server
  server=
  kill "$pid" 2>/dev/null || true
  for _ in {1..100}; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null && fail "the practice org did not stop when it was asked to"
  wait "$pid"
}
trap stop EXIT

# serve NAME FLAG...: serves a new practice org and sets `url`.
serve() {
  local folder=$base/$1
  shift
  rm -rf "$folder"
  mkdir -p "$folder"
  (cd "$folder" && exec "$longshore" practice serve --port 0 --fresh "$@" >out 2>err </dev/null) &
  server=$!
  for _ in {1..300}; do
    url=$(sed -nE '1s/.* listens on (https?:[^, ]*),.*/\1/p' "$folder/out" 2>&-) || true
    [[ -n $url ]] && return 0
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$folder/out" "$folder/err" >&2
  fail "the practice org did not start"
}

profile=${CLIENTS_PROFILE:-release}
case $profile in
  release) cargo build --quiet --release ;;
  debug) cargo build --quiet ;;
  *) fail "CLIENTS_PROFILE is release or debug, not $profile" ;;
esac
longshore=$(realpath "${CARGO_TARGET_DIR:-target}")/$profile/longshore

install_runtimes
install_once "$base/venv" "$(python3 --version; cat "$here/requirements.txt")" install_python
install_once "$base/node" "$(node --version; cat "$here/package-lock.json")" install_node

failed=0

say "simple-salesforce over https"
serve https --tls
REQUESTS_CA_BUNDLE=$base/https/.longshore/tls/practice-ca.pem \
  "$base/venv/bin/python" "$here/simple_salesforce_check.py" "$url" || failed=1
stop

say "jsforce over http"
serve http
# Older Node.js takes the first address of localhost only, and the org listens on the IPv4 one.
NODE_OPTIONS=--dns-result-order=ipv4first \
  node "$here/jsforce_check.mjs" "$url" "$base/node" || failed=1
stop

say "auth0-python over https"
serve auth0-python --tls --users 1100
SSL_CERT_FILE=$base/auth0-python/.longshore/tls/practice-ca.pem \
  "$base/venv/bin/python" "$here/auth0_check.py" "$url" || failed=1
stop

say "auth0 over https"
serve auth0 --tls --users 1100
NODE_EXTRA_CA_CERTS=$base/auth0/.longshore/tls/practice-ca.pem \
  NODE_OPTIONS=--dns-result-order=ipv4first \
  node "$here/auth0_check.mjs" "$url" "$base/node" || failed=1
stop

say "done"
exit "$failed"
