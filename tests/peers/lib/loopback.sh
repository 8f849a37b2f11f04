# shellcheck shell=bash disable=SC2154
# The offline Zoom, a sink and a receiver as processes of this machine, on free ports.

loopback_part() {
  local bin=${BIN_DIR:-} zoom sink sink_admin receiver receiver_admin zoom_url secret
  if [[ -z $bin ]]; then
    step "building the receiver and zoom-sim"
    cargo build --locked --workspace --bins --quiet
    bin=${CARGO_TARGET_DIR:-target}/debug
  fi
  python_peers
  node_peers

  # The tokens name the offline Zoom's own address, so its port has to be known before it starts.
  zoom_url=http://$(free_address)
  start zoom-sim "$bin/zoom-sim" serve --listen "${zoom_url#http://}" --admin-listen 127.0.0.1:0 \
    --public-url "$zoom_url" --allow-http-endpoints
  zoom=http://$(word_of "${pids[-1]}" "$work/zoom-sim.log" 'zoom ready.* admin=([0-9.:]+)')
  step "judging tokens"
  judge loopback/tokens "$venv/bin/python" "$here/tokens.py" --prefix loopback --mint --zoom "$zoom_url" --admin "$zoom"

  step "judging consent and refresh"
  ZOOM=$zoom_url ZOOM_ADMIN=$zoom NO_PROXY='*' judge loopback/consent node "$here/consent.mjs"
  ZOOM=$zoom_url ZOOM_ADMIN=$zoom NO_PROXY='*' judge loopback/requests-oauthlib "$venv/bin/python" "$here/consent.py"
  ZOOM=$zoom_url ZOOM_ADMIN=$zoom NO_PROXY='*' judge loopback/refresh node "$here/refresh.mjs"

  start sink "$bin/zoom-sim" sink --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0
  sink=$(word_of "${pids[-1]}" "$work/sink.log" 'sink ready listen=([0-9.:]+)')
  sink_admin=$(word_of "${pids[-1]}" "$work/sink.log" 'sink ready.* admin=([0-9.:]+)')

  secret=$(python3 -c 'import secrets; print(secrets.token_urlsafe(16))')
  mkdir "$work/signing" "$work/state"
  echo "$secret" >"$work/signing/webhook-secret-token"
  start receiver "$bin/zoom-receiver" --log-format json --integration peers/peers --path /zoom/events \
    --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --facts-listen 127.0.0.1:0 --drain-grace 0 \
    --signing-secrets-dir "$work/signing" --state-dir "$work/state" --sink-url "http://$sink/" --sink-allow-network 127.0.0.0/8
  receiver=$(word_of "${pids[-1]}" "$work/receiver.log" '"webhook":"([0-9.:]+)"')
  receiver_admin=$(word_of "${pids[-1]}" "$work/receiver.log" '"admin":"([0-9.:]+)"')
  await "the receiver's readiness" answers "http://$receiver_admin/ready"
  step "judging webhooks"
  ZOOM_ADMIN=$zoom RECEIVER=http://$receiver SINK_ADMIN=http://$sink_admin WEBHOOK_SECRET=$secret NO_PROXY='*' \
    judge loopback/webhooks node "$here/webhooks.mjs"
}

free_address() {
  python3 -c 'import socket
print("%s:%d" % socket.create_server(("127.0.0.1", 0)).getsockname())'
}

start() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 &
  pids+=($!)
}

answers() {
  python3 -c 'import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1], timeout=5)' "$1" 2>/dev/null
}
