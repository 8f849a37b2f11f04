//! Gauges that name what somebody has to look at. There are only as many series as there is trouble, up to a limit.
//!
//! The labels do not begin with `namespace` or `name`: Prometheus would rename them beside those of the Pod.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
};

use crate::controller::index::Index;

/// The label of an object's namespace.
const NAMESPACE: &str = "resource_namespace";
/// What stands for every namespace.
const ALL: &str = "*";

/// Writes them.
pub fn encode(index: &Index, encoder: &mut DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
    let away = index.away();
    let mut family = encoder.encode_descriptor(
        "zoom_operator_namespace_unwatched_kinds",
        "Kinds of objects that cannot be watched in a namespace: it does not exist, or the operator has no Role there",
        None,
        MetricType::Gauge,
    )?;
    for (namespace, kinds) in away {
        let labels = [(NAMESPACE, namespace.as_deref().unwrap_or(ALL))];
        ConstGauge::new(kinds).encode(family.encode_family(&labels)?)?;
    }
    let unready = index.unready(Timestamp::now());
    let mut family = encoder.encode_descriptor(
        "zoom_operator_resource_not_ready",
        "1 for each object that has not been ready for ten minutes, by reason; the 1,000 that wait longest",
        None,
        MetricType::Gauge,
    )?;
    for (key, reason) in unready {
        let labels = [
            ("kind", key.kind.as_str()),
            (NAMESPACE, &*key.namespace),
            ("resource_name", &*key.name),
            ("reason", reason.as_str()),
        ];
        ConstGauge::new(1_i64).encode(family.encode_family(&labels)?)?;
    }
    let rivals = index.rivals(Timestamp::now());
    let mut family = encoder.encode_descriptor(
        "zoom_operator_objects_served_twice",
        "Objects that another release of the operator serves, too, by that release",
        None,
        MetricType::Gauge,
    )?;
    for (rival, objects) in rivals {
        ConstGauge::new(objects).encode(family.encode_family(&[("rival", &*rival)])?)?;
    }
    Ok(())
}
