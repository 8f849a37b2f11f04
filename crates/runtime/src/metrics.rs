//! Metrics in the `OpenMetrics` text format, on `prometheus-client`.
//!
//! Each component registers its families once and keeps handles to them. Labels have few, fixed values:
//! outcomes and reasons, never names of objects or texts of errors.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::ConstGauge, info::Info},
    registry::Registry,
};

/// The `Content-Type` of a scrape.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One label with one of a few fixed values.
pub type Label = [(&'static str, &'static str); 1];

/// Counters that differ in one label.
pub type Counters = Family<Label, Counter>;

/// A registry with the metrics of every process: build and start time.
#[must_use]
pub fn registry() -> Registry {
    let mut registry = Registry::default();
    registry.register(
        "zoom_operator_build",
        "Which build this is",
        Info::new([("version", env!("CARGO_PKG_VERSION"))]),
    );
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64());
    registry.register(
        "process_start_time_seconds",
        "When this process started, seconds since the epoch",
        ConstGauge::new(started),
    );
    registry
}

/// Registers counters under `name` (without `_total`) and creates one for each value of `label`,
/// so that rates are correct from the first event on.
pub fn counters(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: impl IntoIterator<Item = &'static str>,
) -> Counters {
    let family = Counters::default();
    for value in values {
        drop(family.get_or_create(&[(label, value)]));
    }
    registry.register(name, help, family.clone());
    family
}

/// The text of one scrape.
#[must_use]
pub fn encode(registry: &Registry) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail; an encoder that does leaves a page without its end mark,
    // which the scraper reports.
    let _ = text::encode(&mut page, registry);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_value_is_there_before_it_is_counted() {
        let mut registry = registry();
        let counters = counters(&mut registry, "tries", "Tries", "outcome", ["good", "bad"]);
        counters.get_or_create(&[("outcome", "good")]).inc();
        let page = encode(&registry);
        assert!(page.contains("tries_total{outcome=\"good\"} 1\n"), "{page}");
        assert!(page.contains("tries_total{outcome=\"bad\"} 0\n"), "{page}");
        assert!(page.contains("zoom_operator_build_info{"), "{page}");
        assert!(page.ends_with("# EOF\n"), "{page}");
    }
}
