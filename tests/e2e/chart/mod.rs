//! The chart, installed for real: permissions, and the life of a release.

mod apart;
mod definition;
mod lease;
mod openshift;
mod policies;
mod release;
mod rights;
mod scope;

use crate::bed::Case;

pub fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "chart::namespaced_operator_has_rights_in_its_namespaces_only",
            rights::namespaced,
        ),
        Case::new("chart::admission_policies", policies::refusals),
        Case::new("chart::no_pod_needs_a_fixed_id", openshift::without_ids),
        Case::new("chart::releases_apart_by_class", scope::by_class).needs_host(),
        Case::new("chart::releases_apart_by_namespace", apart::by_namespace).needs_host(),
        Case::new("chart::release_for_labelled_namespaces", scope::by_labels),
        Case::new("serial::release_for_the_whole_cluster", release::life),
    ]
}
