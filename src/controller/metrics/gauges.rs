//! All objects in numbers, as gauges. Labels are bounded; those with names are in [`named`].

use std::{fmt, sync::Arc};

use jiff::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};

use super::named;
use crate::controller::index::{Figures, Index};

/// Reads the index whenever metrics are scraped.
#[derive(Debug)]
pub struct Gauges(pub Arc<Index>);

/// Numbers by the value of one label.
struct Family<'a> {
    name: &'a str,
    help: &'a str,
    label: &'a str,
    numbers: Vec<(&'a str, i64)>,
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let figures = self.0.figures(Timestamp::now());
        for family in families(&figures) {
            family.encode(&mut encoder)?;
        }
        for (name, help, time) in [
            (
                "zoom_operator_token_soonest_expiry_timestamp_seconds",
                "When the first of all tokens expires",
                figures.soonest_expiry,
            ),
            (
                "zoom_operator_endpoint_oldest_validation_timestamp_seconds",
                "The oldest of all endpoints' last URL validations",
                figures.oldest_validation,
            ),
        ] {
            if let Some(time) = time {
                gauge(&mut encoder, name, help, time.as_second())?;
            }
        }
        for (name, help, number) in numbers(&figures) {
            gauge(&mut encoder, name, help, number)?;
        }
        named::encode(&self.0, &mut encoder)?;
        Ok(())
    }
}

// === impl Family ===

impl Family<'_> {
    fn encode(self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut family =
            encoder.encode_descriptor(self.name, self.help, None, MetricType::Gauge)?;
        for (value, number) in self.numbers {
            ConstGauge::new(number).encode(family.encode_family(&[(self.label, value)])?)?;
        }
        Ok(())
    }
}

fn families(figures: &Figures) -> [Family<'_>; 7] {
    // The reasons come from the status and are a fixed set.
    [
        Family {
            name: "zoom_operator_integrations",
            help: "Integrations by phase",
            label: "phase",
            numbers: figures
                .integrations
                .by_phase
                .map(|(phase, number)| (phase.as_str(), number))
                .into(),
        },
        Family {
            name: "zoom_operator_integrations_stalled",
            help: "Integrations for which a person must act, by reason",
            label: "reason",
            numbers: figures
                .integrations
                .stalled
                .iter()
                .map(|(reason, number)| (reason.as_str(), *number))
                .collect(),
        },
        Family {
            name: "zoom_operator_connections",
            help: "Connections by phase",
            label: "phase",
            numbers: figures
                .connections
                .by_phase
                .map(|(phase, number)| (phase.as_str(), number))
                .into(),
        },
        Family {
            name: "zoom_operator_connections_stalled",
            help: "Connections for which a person must act, by reason",
            label: "reason",
            numbers: figures
                .connections
                .stalled
                .iter()
                .map(|(reason, number)| (reason.as_str(), *number))
                .collect(),
        },
        Family {
            name: "zoom_operator_connections_unrouted",
            help: "Connections whose sink does not get the events of their account, by reason; without those that \
                   wait for their person",
            label: "reason",
            numbers: figures
                .unrouted
                .iter()
                .map(|(reason, number)| (reason.as_str(), *number))
                .collect(),
        },
        Family {
            name: "zoom_operator_unclaimed_accounts",
            help: "Accounts with events that no connection has, by webhook.unclaimedAccounts; up to five of each \
                   integration",
            label: "policy",
            numbers: figures
                .unclaimed
                .map(|(policy, number)| (policy.as_str(), number))
                .into(),
        },
        Family {
            name: "zoom_operator_receivers",
            help: "Receivers by the state of their rollout",
            label: "state",
            numbers: figures
                .receivers
                .map(|(progress, number)| (progress.as_str(), number))
                .into(),
        },
    ]
}

/// Name, meaning and value.
fn numbers(figures: &Figures) -> [(&'static str, &'static str, i64); 10] {
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    [
        (
            "zoom_operator_buffers_full",
            "Integrations whose receiver has no room for another event",
            figures.buffers_full,
        ),
        (
            "zoom_operator_buffers_failed",
            "Integrations whose receiver cannot use the store of its buffer",
            figures.buffers_failed,
        ),
        (
            "zoom_operator_damaged_stores",
            "Damaged stores of buffers that were moved aside and not removed",
            number(figures.buffered.damaged_stores),
        ),
        (
            "zoom_operator_buffered_events",
            "Events that receivers have stored and not delivered, as of their last facts",
            number(figures.buffered.pending),
        ),
        (
            "zoom_operator_buffered_oldest_age_seconds",
            "Age of the oldest of them",
            number(figures.buffered.oldest_seconds.unwrap_or_default()),
        ),
        (
            "zoom_operator_dead_letters",
            "Dead letters that receivers keep",
            number(figures.buffered.dead_letters),
        ),
        (
            "zoom_operator_tokens_expired",
            "Tokens that have expired",
            figures.expired,
        ),
        (
            "zoom_operator_work_overdue",
            "Objects whose next step lies more than five minutes back",
            figures.overdue,
        ),
        (
            "zoom_operator_receivers_unavailable",
            "Integrations whose receiver accepts no requests",
            figures.receivers_down,
        ),
        (
            "zoom_operator_endpoints_unvalidated",
            "Integrations whose last URL validation is older than 72 hours",
            figures.unvalidated,
        ),
    ]
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    number: i64,
) -> Result<(), fmt::Error> {
    let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(number).encode(descriptor)
}
