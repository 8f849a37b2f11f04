//! The aims, and whether they were met.

use std::fmt::Write as _;

use super::{mebibytes, precise, ratio};
use crate::{
    audit::all,
    results::{Connections, Fairness, Leader, Receivers, Results, Tens},
};

/// Connections of one app cost Zoom ten requests in a second. What was allowed in one second may arrive in the next,
/// together with that one's.
const AT_ZOOM: f64 = 22.0;

/// What was measured against what was aimed at.
#[derive(Clone, Debug)]
pub struct Aim {
    name: String,
    measured: String,
    value: f64,
    most: f64,
}

/// All aims of which there are results.
pub fn of(results: &Results) -> Vec<Aim> {
    let mut aims = integrations(results);
    if results.fairness.failing > 0 {
        aims.extend(fairness(&results.fairness));
    }
    aims.extend(growth(results));
    if results.leader.lease > 0.0 {
        aims.extend(leader(&results.leader));
    }
    if results.connections.count > 0 {
        aims.extend(connections(&results.connections));
    }
    if results.receivers.count > 0 {
        aims.extend(receivers(&results.receivers));
    }
    aims
}

/// Which ones were missed, in a sentence.
pub fn summary(aims: &[Aim]) -> String {
    let missed: Vec<&str> = aims
        .iter()
        .filter(|aim| !aim.is_met())
        .map(|aim| aim.name.as_str())
        .collect();
    if missed.is_empty() {
        return format!("All {} aims were met.\n", aims.len());
    }
    format!(
        "**Missed {} of {} aims:** {}.\n",
        missed.len(),
        aims.len(),
        missed.join("; ")
    )
}

/// All of them.
pub fn table(aims: &[Aim]) -> String {
    let mut text = "| aim | measured | value | at most | |\n|---|---|---|---|---|\n".to_owned();
    for aim in aims {
        let Aim {
            name,
            measured,
            value,
            most,
        } = aim;
        let met = if aim.is_met() { "met" } else { "missed" };
        let _ = writeln!(
            text,
            "| {name} | {measured} | {value:.2} | {most} | {met} |"
        );
    }
    text
}

fn aim(name: &str, measured: String, value: f64, most: f64) -> Aim {
    Aim {
        name: name.to_owned(),
        measured,
        value,
        most,
    }
}

fn integrations(results: &Results) -> Vec<Aim> {
    let Results {
        floor,
        restart,
        refresh,
        idle,
        ..
    } = results;
    let served = results.served();
    let peak = results.peak();
    let an_hour = 3600.0 / idle.seconds.max(1.0);
    vec![
        aim(
            "from created to connected, relative to the bare client",
            format!("{served:.1} s and {:.1} s", floor.served),
            ratio(served, floor.served),
            1.5,
        ),
        aim(
            "peak memory, relative to the chart's limit",
            format!(
                "{:.1} MiB of {:.0} MiB; the objects as stored are {:.1} MiB",
                mebibytes(peak),
                mebibytes(results.limit),
                mebibytes(results.stored)
            ),
            ratio(mebibytes(peak), mebibytes(results.limit)),
            0.75,
        ),
        aim(
            "idle: requests to the API server in an hour, without the Lease",
            format!(
                "{} in {:.0} s; {:.1} s of CPU time in an hour, both extrapolated from that time",
                all(&idle.requests),
                idle.seconds,
                idle.cpu * an_hour
            ),
            precise(all(&idle.requests)) * an_hour,
            0.0,
        ),
        aim(
            "refresh: writes for each, relative to one Secret and one status",
            format!(
                "all within {:.1} s, {:.2} ms of CPU time each",
                refresh.cost.seconds,
                refresh.cost.cpu_each() * 1000.0
            ),
            refresh.writes_each / 2.0,
            1.2,
        ),
        aim(
            "a new object while all refresh, in seconds",
            format!(
                "{} were still due; {:.2} s while ten refresh",
                refresh.still_due, refresh.new_object_beside_ten
            ),
            refresh.new_object,
            2.0,
        ),
        aim(
            "restart: time until a new object is served, relative to one list",
            format!(
                "{:.2} s and {:.2} s; {:.1} s of CPU time",
                restart.new_object, restart.list, restart.cost.cpu
            ),
            ratio(restart.new_object, restart.list),
            2.0,
        ),
        aim(
            "restart: writes and requests to Zoom for what was there",
            format!("{} and {:.0}", restart.writes, restart.zoom_requests),
            precise(restart.writes) + restart.zoom_requests,
            0.0,
        ),
        aim(
            "deletion of all, relative to the bare client",
            format!("{:.1} s and {:.1} s", results.deleted, floor.deleted),
            ratio(results.deleted, floor.deleted),
            2.0,
        ),
    ]
}

fn fairness(fairness: &Fairness) -> Vec<Aim> {
    let Fairness {
        failing,
        alone,
        while_created,
        while_retried,
        retried,
        late,
    } = fairness;
    let seconds = |tens: &Tens| {
        let (ours, bare) = (median(&tens.ours), median(&tens.bare));
        format!("{ours:.2} s (bare client {bare:.2} s)")
    };
    let worst = while_retried.ours.iter().copied().fold(0.0, f64::max);
    vec![
        aim(
            "ten new integrations beside a namespace of failing ones that are tried again, relative to alone",
            format!(
                "{} while {retried:.0} of {failing} were, {worst:.2} s at worst; {} alone",
                seconds(while_retried),
                seconds(alone)
            ),
            ratio(median(&while_retried.ours), median(&alone.ours)),
            2.0,
        ),
        aim(
            "the same while the failing ones are created, relative to the bare client meanwhile",
            seconds(while_created),
            ratio(median(&while_created.ours), median(&while_created.bare)),
            2.0,
        ),
        aim(
            "the same: objects that were late",
            "afterwards".to_owned(),
            *late,
            0.0,
        ),
    ]
}

/// The middle one; of an even number, the higher one.
fn median(times: &[f64]) -> f64 {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Ten times as many objects cost ten times as much.
fn growth(results: &Results) -> Vec<Aim> {
    let (tenth, whole) = (results.first(1), results.first(results.steps.len()));
    let times = f64::from(whole.objects) / f64::from(tenth.objects.max(1));
    let requests = [&tenth, &whole].map(|cost| precise(all(&cost.requests)));
    vec![
        aim(
            "ten times the objects: CPU time",
            format!("{:.2} s and {:.2} s", tenth.cpu, whole.cpu),
            ratio(whole.cpu, tenth.cpu) * 10.0 / times,
            10.0,
        ),
        aim(
            "ten times the objects: requests to the API server",
            format!("{} and {}", requests[0], requests[1]),
            ratio(requests[1], requests[0]) * 10.0 / times,
            10.0,
        ),
    ]
}

fn leader(leader: &Leader) -> Vec<Aim> {
    let start = &leader.start;
    let floor = leader.lease + 2.0 * start.list;
    vec![
        aim(
            "leader killed: time until a new object is served, relative to the Lease and two lists",
            format!(
                "nobody led for {:.1} s, then {:.2} s; the Lease {:.0} s, a list {:.2} s",
                leader.without, start.new_object, leader.lease, start.list
            ),
            ratio(leader.without + start.new_object, floor),
            1.0,
        ),
        aim(
            "leader killed: writes and requests to Zoom for what was there",
            format!("{} and {:.0}", start.writes, start.zoom_requests),
            precise(start.writes) + start.zoom_requests,
            0.0,
        ),
        aim(
            "leader killed while integrations refresh: refreshed again though the token was published",
            format!(
                "of {} integrations {} had their token; Zoom was asked {} times more than once for each",
                leader.refreshing, leader.before, leader.again
            ),
            f64::from(leader.twice),
            0.0,
        ),
    ]
}

fn connections(connections: &Connections) -> Vec<Aim> {
    let Connections {
        count,
        consents,
        refresh,
        edit,
        ..
    } = connections;
    let [first, second] = consents;
    let lists: u64 = [first, second, refresh, edit]
        .into_iter()
        .flat_map(|cost| &cost.requests)
        .filter(|(name, _)| name.starts_with("list "))
        .map(|(_, count)| count)
        .sum();
    let milliseconds = [first, second].map(|cost| cost.cpu_each() * 1000.0);
    vec![
        aim(
            "connections of one app: most requests to Zoom within a second",
            format!(
                "{count} consents in {:.0} s, refreshed in {:.0} s; at most {} requests under way",
                first.seconds + second.seconds,
                refresh.seconds,
                connections.zoom_in_flight
            ),
            f64::from(u32::try_from(connections.busiest_second).unwrap_or(u32::MAX)),
            AT_ZOOM,
        ),
        aim(
            "the same: refresh tokens sent again after the reply",
            format!(
                "{:.2} requests to the API server for a consent, {:.2} for a refresh",
                second.requests_each(),
                refresh.requests_each()
            ),
            precise(connections.spent_again),
            0.0,
        ),
        aim(
            "the same: CPU time for a consent, second half relative to the first",
            format!("{:.1} ms and {:.1} ms", milliseconds[1], milliseconds[0]),
            ratio(milliseconds[1], milliseconds[0]),
            1.2,
        ),
        aim(
            "the same: requests that list anything",
            "consents, refreshes and the change of the app's client secret".to_owned(),
            precise(lists),
            0.0,
        ),
        aim(
            "the same: requests to Zoom after the app's client secret was changed",
            format!(
                "{:.2} requests to the API server for each connection, {:.2} s of CPU time",
                edit.requests_each(),
                edit.cpu
            ),
            precise(connections.edit_zoom_requests),
            2.0,
        ),
    ]
}

fn receivers(receivers: &Receivers) -> Vec<Aim> {
    let Receivers {
        count,
        made,
        rest,
        rollout,
        ..
    } = receivers;
    let [first, second] = made;
    let polls = |polls: u64, seconds: f64| {
        precise(polls) / f64::from((*count).max(1)) / seconds.max(1.0) * 60.0
    };
    vec![
        aim(
            "receivers: requests to the API server for each, second half relative to the first",
            format!(
                "{count} made in {:.0} s, {:.2} and {:.2} requests",
                first.seconds + second.seconds,
                second.requests_each(),
                first.requests_each()
            ),
            ratio(second.requests_each(), first.requests_each()),
            1.1,
        ),
        aim(
            "receivers: requests for facts of each in a minute at rest",
            format!(
                "{} in {:.0} s, {:.2} a minute while they were made",
                receivers.polls_at_rest,
                rest.seconds,
                polls(receivers.polls_while_made, first.seconds + second.seconds)
            ),
            polls(receivers.polls_at_rest, rest.seconds),
            1.0,
        ),
        aim(
            "receivers: requests to the API server at rest",
            format!("in {:.0} s, {:.2} s of CPU time", rest.seconds, rest.cpu),
            precise(all(&rest.requests)),
            0.0,
        ),
        aim(
            "receivers: replaced at a time",
            format!(
                "all in {:.0} s, {:.2} requests each",
                rollout.seconds,
                rollout.requests_each()
            ),
            f64::from(u32::try_from(receivers.at_a_time).unwrap_or(u32::MAX)),
            f64::from(u32::try_from(receivers.allowed_at_a_time).unwrap_or_default()),
        ),
    ]
}

// === impl Aim ===

impl Aim {
    fn is_met(&self) -> bool {
        self.value <= self.most
    }
}
