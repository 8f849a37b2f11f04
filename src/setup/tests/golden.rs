//! The five integrations, each at the start, half way and done.

use std::fmt::Write as _;

use super::fixtures::{FIVE, done, example, half_way, now};
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{
        Facts, State, next, steps, warnings,
        words::{line, whereabouts, words},
    },
};
use contract::Language;

fn rendered(spec: &ZoomIntegrationSpec, facts: &Facts) -> String {
    let words = words(Language::English);
    let steps = steps(spec, facts, now());
    let mut out = format!("{}\n", line(&steps, words));
    for step in &steps {
        let _ = writeln!(
            out,
            "[{}] {}: {} ({})",
            match step.state {
                State::Done => "x",
                State::Open => " ",
                State::Unknown => "?",
            },
            step.id.as_str(),
            (words.title)(step.id, step.kind),
            whereabouts(step, words),
        );
        for entry in &step.entries {
            let act = (words.act)(entry.act);
            let hint = entry
                .hint
                .map(|hint| format!(" \"{hint}\""))
                .unwrap_or_default();
            let _ = writeln!(out, "      {act} {}: {}{hint}", entry.field, entry.value);
        }
        for mistake in &step.mistakes {
            let _ = writeln!(out, "    ! {}", (words.mistake)(mistake));
        }
        for caution in &step.cautions {
            let _ = writeln!(out, "    ~ {}", (words.caution)(*caution));
        }
        let since = step.since.filter(|_| step.state == State::Done);
        let since = since.map(|at| format!(" since {at}")).unwrap_or_default();
        let _ = writeln!(out, "    = {}{since}", (words.evidence)(&step.evidence));
    }
    for warning in warnings(spec, facts, &steps) {
        let _ = writeln!(out, "* {}", (words.warning)(&warning));
    }
    out
}

#[test]
fn the_steps_are_these() {
    for name in FIVE {
        let spec = example(name);
        let start = rendered(&spec, &Facts::default());
        let half = rendered(&spec, &half_way(&spec));
        let done = rendered(&spec, &done(&spec));
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(
                name,
                format!("At the start\n============\n{start}\nHalf way\n========\n{half}\nDone\n====\n{done}")
            );
        });
    }
}

#[test]
fn a_server_to_server_app_has_its_own_steps() {
    let mut spec = super::fixtures::spec("quickstart/zoomintegration.yaml");
    let listing = serde_json::json!({"companyName": "Example", "contactName": "Ada"});
    spec.app.listing = serde_json::from_value(listing).unwrap();
    let half = rendered(&spec, &half_way(&spec));
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("quickstart", half);
    });
}

#[test]
fn an_app_that_only_receives_events_has_few_steps() {
    let spec = super::fixtures::spec("webhook-only/integration.yaml");
    let start = rendered(&spec, &Facts::default());
    let half = rendered(&spec, &half_way(&spec));
    let done = rendered(&spec, &done(&spec));
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!(
            "webhook-only",
            format!("At the start\n============\n{start}\nHalf way\n========\n{half}\nDone\n====\n{done}")
        );
    });
}

#[test]
fn each_of_the_five_comes_to_its_goal() {
    for (name, left) in [
        ("clinicea", None),
        ("kivicare", Some("Install")),
        ("ontime", Some("Install")),
        ("nectar-dxp", None),
        ("stackone", None),
    ] {
        let spec = example(name);
        let steps = steps(&spec, &done(&spec), now());
        assert_eq!(next(&steps).map(|step| step.id.as_str()), left, "{name}");
        let mistakes: Vec<_> = steps.iter().flat_map(|step| &step.mistakes).collect();
        assert!(mistakes.is_empty(), "{name}: {mistakes:?}");
    }
}
