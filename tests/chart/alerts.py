"""Situations for `promtool test rules`: which alerts fire in each, after which time, and with which words. No other alert may fire.

The chart's rules are read from the release `zoom-operator` in the namespace `ops`, scraped as its monitors say."""

import re

CONTROLLER = 'namespace="ops",job="zoom-operator"'
CONNECT = 'namespace="ops",job="zoom-operator-connect-admin"'
RECEIVER = 'job="ops/zoom-operator-receivers",namespace="team",zoom_operator_io_integration="acme"'

def own(name, labels="", pod="a"):
    return f'zoom_operator_{name}{{{CONTROLLER},pod="{pod}"{"," + labels if labels else ""}}}'

def received(outcome):
    return f'zoom_receiver_requests_total{{{RECEIVER},pod="r",outcome="{outcome}"}}'

def consent(outcome):
    return f'zoom_operator_consents_total{{{CONNECT},pod="c",outcome="{outcome}"}}'

VERIFIED = f'zoom_receiver_verified_requests_total{{{RECEIVER},pod="r",secret="current"}}'
DROPPED = f'zoom_receiver_buffer_dropped_dead_letters_total{{{RECEIVER},pod="r"}}'
UP = f'up{{{CONNECT},pod="c"}}'

# Series and how they go on, minute by minute. A replica that does not lead counts the same objects.
HEALTHY = {own("leader"): "1+0", own("leader", pod="b"): "0+0", UP: "1+0"} | {
    own(name, labels, pod): value for pod in "ab" for (name, labels), value in {
        ("integrations", 'phase="Connected"'): "3+0", ("integrations", 'phase="Degraded"'): "0+0",
        ("integrations", 'phase="Missing scopes"'): "0+0", ("connections", 'phase="Connected"'): "3+0",
        ("connections", 'phase="Ready to install"'): "2+0", ("connections", 'phase="Degraded"'): "0+0",
        ("connections", 'phase="Missing scopes"'): "0+0", ("connections", 'phase="Reauthorization required"'): "0+0",
        # Renewed with a quarter of an hour left.
        ("token_soonest_expiry_timestamp_seconds", ""): "900+60", ("tokens_expired", ""): "0+0",
        ("work_overdue", ""): "0+0", ("receivers_unavailable", ""): "0+0", ("endpoints_unvalidated", ""): "0+0",
        ("endpoint_oldest_validation_timestamp_seconds", ""): "60+60", ("buffers_full", ""): "0+0", ("buffers_failed", ""): "0+0", ("damaged_stores", ""): "0+0",
        ("buffered_events", ""): "40+0", ("buffered_oldest_age_seconds", ""): "3600+0", ("dead_letters", ""): "0+0",
        # Accounts that nobody claims may well be the platform's own.
        ("unclaimed_accounts", 'policy="Sink"'): "2+0", ("unclaimed_accounts", 'policy="DeadLetter"'): "0+0",
        ("unclaimed_accounts", 'policy="Drop"'): "0+0",
        ("receivers", 'state="current"'): "3+0", ("receivers", 'state="outdated"'): "0+0",
        ("receivers", 'state="rolling"'): "1+0", ("receivers", 'state="stuck"'): "0+0",
    }.items()
} | {
    # Somebody else tries the address as well.
    received("delivered"): "0+10", received("sink_failed"): "0+1", received("unknown_signature"): "0+1", VERIFIED: "0+10",
    received("signature_changed"): "0+0", received("account_full"): "0+0", received("buffer_failed"): "0+0", received("deadline"): "0+0",
    DROPPED: "0+0",
    consent("handed_over"): "0+1", consent("unavailable"): "0+1",
}


# There are such series only while there is trouble.
SOMETIMES = ("stalled", "unrouted", "unwatched", "served_twice", "not_ready")


class Situation:
    """`changes` to a healthy fleet, and what `fires`: the alert's labels besides its severity, and what its description shows. `since`: the
    minute in which the first expression is true."""
    def __init__(self, name, changes, since=0, **fires):
        self.name, self.since, self.fires = name, since, fires
        unknown = set(changes) - set(HEALTHY) - {s for s in changes if any(part in s for part in SOMETIMES)}
        assert not unknown, unknown
        self.series = HEALTHY | changes


def both(name, value, labels=""):
    return {own(name, labels, pod): value for pod in "ab"}

def stalled(kind, reason, **phase):
    changes = both(f"{kind}_stalled", "2+0", f'reason="{reason}"')
    for word, number in phase.items():
        changes |= both(kind, f"{number}+0", f'phase="{word.replace("_", " ")}"')
    return changes

# An alert: labels, then what stands in its description.
SITUATIONS = [
    Situation("healthy", {}),
    Situation("nobody leads", {own("leader"): "0+0"}, ZoomOperatorNoLeader=({},)),
    Situation("the controller is gone", {s: "_" for s in HEALTHY if s.startswith("zoom_operator_")}, ZoomOperatorNoLeader=({},)),
    Situation("a replica of two is gone", {s: "_" for s in HEALTHY if 'pod="b"' in s}),
    Situation("a token was not renewed", both("token_soonest_expiry_timestamp_seconds", "300+60"), ZoomTokenExpiresSoon=({}, "5m 0s")),
    Situation("a token has expired", both("token_soonest_expiry_timestamp_seconds", "0+0") | both("tokens_expired", "2+0"),
              ZoomTokenExpired=({}, "2")),
    Situation("no token", both("token_soonest_expiry_timestamp_seconds", "_")),
    Situation("behind the plan", both("work_overdue", "4+0"), ZoomWorkOverdue=({}, "4")),
    Situation("a namespace without a Role", both("namespace_unwatched_kinds", "9+0", 'resource_namespace="clinics"'),
              ZoomNamespaceUnwatched=({"resource_namespace": "clinics"}, "clinics", "9")),
    Situation("a second release", both("objects_served_twice", "3+0", 'rival="more/zoom-operator"'),
              ZoomServedTwice=({"rival": "more/zoom-operator"}, "3", "more/zoom-operator")),
    Situation("a receiver without Pods", both("receivers_unavailable", "1+0"), ZoomReceiverUnavailable=({}, "1")),
    Situation("an endpoint unvalidated", both("endpoints_unvalidated", "1+0"), ZoomEndpointUnvalidated=({}, "1")),
    # From then on the age is more than 60 hours.
    Situation("a validation due", both("endpoint_oldest_validation_timestamp_seconds", "60+0"), since=3602,
              ZoomEndpointValidationDue=({}, "2d 12h 16m 0s")),
    Situation("never validated", both("endpoint_oldest_validation_timestamp_seconds", "_")),
    Situation("a buffer is full", both("buffers_full", "1+0"), ZoomBufferFull=({}, "1")),
    Situation("a volume fails", both("buffers_failed", "1+0"), ZoomBufferFailed=({}, "1")),
    Situation("a store was damaged", both("damaged_stores", "1+0"), ZoomStoreDamaged=({}, "1")),
    Situation("dead letters overflow", {DROPPED: "0+2"}, since=1,
              ZoomDeadLettersDropped=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "4", "acme", "team")),
    Situation("a sink takes nothing for long", both("buffered_oldest_age_seconds", "3661+0"), ZoomBufferOld=({}, "1h 1m 1s")),
    Situation("events were given up", both("dead_letters", "12+0"), ZoomDeadLetters=({}, "12")),
    Situation("an upgrade halts", both("receivers", "5+0", 'state="outdated"'), ZoomReceiversOutdated=({}, "5")),
    Situation("a rollout is stuck", both("receivers", "2+0", 'state="stuck"'), ZoomRolloutStuck=({}, "2")),
    Situation("wrong credentials", stalled("integrations", "CredentialsRejected"),
              ZoomIntegrationStalled=({"reason": "CredentialsRejected"}, "2", "CredentialsRejected")),
    Situation("a resource that is named", both("resource_not_ready", "1+0",
              'kind="ZoomIntegration",resource_namespace="clinics",resource_name="acme",reason="CredentialsRejected"'),
              ZoomResourceNotReady=({"kind": "ZoomIntegration", "resource_namespace": "clinics", "resource_name": "acme",
                                     "reason": "CredentialsRejected"}, "ZoomIntegration", "acme", "clinics", "CredentialsRejected")),
    Situation("scopes are missing", stalled("integrations", "MissingScopes", Missing_scopes=2), ZoomScopesMissing=({}, "2")),
    Situation("Zoom does not answer", both("integrations", "1+0", 'phase="Degraded"'), ZoomIntegrationDegraded=({}, "1")),
    Situation("a grant is lost", stalled("connections", "GrantLost", Reauthorization_required=2),
              ZoomConnectionReauthorizationRequired=({}, "2")),
    Situation("a connection needs a person", stalled("connections", "CredentialsRejected"),
              ZoomConnectionStalled=({"reason": "CredentialsRejected"}, "2", "CredentialsRejected")),
    Situation("a person granted less", stalled("connections", "MissingScopes", Missing_scopes=2), ZoomConnectionScopesMissing=({}, "2")),
    Situation("a connection fails", both("connections", "1+0", 'phase="Degraded"'), ZoomConnectionDegraded=({}, "1")),
    Situation("a tenant's sink cannot be used", both("connections_unrouted", "2+0", 'reason="SinkRefused"'),
              ZoomConnectionUnrouted=({"reason": "SinkRefused"}, "2", "SinkRefused")),
    Situation("nobody's accounts", both("unclaimed_accounts", "3+0", 'policy="Drop"'), ZoomAccountsUnclaimed=({"policy": "Drop"}, "3", "Drop")),
    Situation("an account floods", {received("account_full"): "0+1"}, since=1,
              ZoomAccountOverShare=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "acme", "team")),
    Situation("a wrong Secret Token", {received("unknown_signature"): "0+10", received("delivered"): "0+0", received("sink_failed"): "0+0",
                                        VERIFIED: "0+0"}, since=1,
              ZoomSignaturesRejected=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "60", "acme", "team")),
    Situation("a regenerated Secret Token", {received("signature_changed"): "0+10", received("unknown_signature"): "0+0",
                                              received("delivered"): "0+0", received("sink_failed"): "0+0", VERIFIED: "0+0"}, since=1,
              ZoomSignaturesRejected=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "60", "acme", "team")),
    Situation("strangers knock", {received("unknown_signature"): "0+10"}),
    Situation("a sink is down", {received("delivered"): "0+0", received("sink_failed"): "0+10"}, since=1,
              ZoomSinkFailing=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "acme", "team")),
    Situation("a disk hangs", {received("deadline"): "0+10", received("delivered"): "0+0", received("sink_failed"): "0+0"}, since=1,
              ZoomEventsNotTaken=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "60", "acme", "team")),
    Situation("a store fails", {received("buffer_failed"): "0+1", received("delivered"): "0+0", received("sink_failed"): "0+0"}, since=1,
              ZoomEventsNotTaken=({"namespace": "team", "zoom_operator_io_integration": "acme"}, "6", "acme", "team")),
    Situation("strangers send slowly where nothing else comes", {received("deadline"): "0+10", received("delivered"): "0+0",
                                                                 received("sink_failed"): "0+0", received("unknown_signature"): "0+0", VERIFIED: "0+0"}),
    Situation("connect is down", {UP: "0+0"}, ZoomConnectUnavailable=({},)),
    Situation("a quota refuses consents", {consent("handed_over"): "0+0", consent("unavailable"): "0+10"}, since=1, ZoomConsentsFail=({}, "60")),
    Situation("connect is gone", {UP: "_"}, ZoomConnectUnavailable=({},)),
]


def minutes(duration):
    number, unit = re.fullmatch(r"(\d+)([mh])", duration).groups()
    return int(number) * {"m": 1, "h": 60}[unit]

def firing(rule, labels, *shown):
    """The alert as Prometheus sends it: what the templates of the description give is `shown`, in their order."""
    shown = iter(shown)
    fill = lambda text: re.sub(r"\{\{.*?\}\}", lambda _: next(shown), text)
    return {"exp_labels": rule["labels"] | labels, "exp_annotations": {name: fill(text) for name, text in rule["annotations"].items()}}

def unit_tests(rules, file):
    """promtool's unit tests of the rules in `file`. Fails when an alert fires in no situation."""
    rules = {rule["alert"]: rule for rule in rules}
    fired = {name for situation in SITUATIONS for name in situation.fires}
    assert fired == rules.keys(), fired ^ rules.keys()
    tests = []
    for situation in SITUATIONS:
        # Long enough for every alert that is to stay silent.
        end = situation.since + max([minutes(rule["for"]) for rule in rules.values()])
        checks = [(end, name, []) for name in rules if name not in situation.fires]
        for name, (labels, *shown) in situation.fires.items():
            at = situation.since + minutes(rules[name]["for"])
            checks += [(at - 1, name, []), (at, name, [firing(rules[name], labels, *shown)])]
        tests.append({
            "name": situation.name, "interval": "1m",
            "input_series": [{"series": series, "values": value if value == "_" else f"{value}x{end}"} for series, value in situation.series.items()],
            "alert_rule_test": [{"eval_time": f"{at}m", "alertname": name, "exp_alerts": alerts} for at, name, alerts in checks]})
    return {"rule_files": [str(file)], "evaluation_interval": "1m", "tests": tests}
