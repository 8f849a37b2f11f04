use super::*;
use crate::{
    connect::language::Language,
    setup::tests::fixtures::{FIVE, done, example, half_way, now},
    zoom::Fault,
};

fn handout(name: &str, facts: impl Fn(&ZoomIntegrationSpec) -> Facts) -> Handout {
    let spec = example(name);
    Handout::new(name, name, &spec, &facts(&spec), now())
}

/// Half way, after somebody pasted another redirect URL.
fn with_a_mistake(spec: &ZoomIntegrationSpec) -> Facts {
    let mut facts = half_way(spec);
    facts.consent.faults = vec![Fault::RedirectMismatch];
    facts
}

#[test]
fn the_hand_outs_are_these() {
    for language in Language::ALL {
        let code = language.code();
        for (name, handout) in [
            ("nectar-dxp", handout("nectar-dxp", half_way)),
            ("kivicare", handout("kivicare", with_a_mistake)),
        ] {
            insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
                insta::assert_snapshot!(format!("{name}.{code}.md"), markdown(&handout, language));
                insta::assert_snapshot!(
                    format!("{name}.{code}.html"),
                    html(&handout, language).replace(include_str!("style.css"), "\n").replace("><", ">\n<")
                );
            });
        }
    }
}

#[test]
fn every_step_and_value_is_in_either_form() {
    for name in FIVE {
        for facts in [half_way, done] {
            let handout = handout(name, facts);
            for language in Language::ALL {
                let (markdown, html) = (markdown(&handout, language), html(&handout, language));
                assert!(markdown.matches("\n## ").count() >= handout.steps.len());
                assert_eq!(
                    html.matches("<li class=\"step").count(),
                    handout.steps.len()
                );
                for entry in handout.steps.iter().flat_map(|step| &step.entries) {
                    assert!(markdown.contains(&entry.value), "{}", entry.value);
                    let escaped = entry.value.replace('&', "&amp;").replace('"', "&quot;");
                    assert!(html.contains(&escaped), "{}", entry.value);
                }
            }
        }
    }
}

/// The file is sent around: it must not fetch, run or tell anything.
#[test]
fn the_html_loads_and_runs_nothing() {
    let html = html(&handout("nectar-dxp", half_way), Language::English);
    for word in ["<script", "src=", "<link", "url(", "@import", "onclick"] {
        assert!(!html.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn a_hostile_name_is_text() {
    let mut handout = handout("stackone", half_way);
    handout.app = "<script>alert(1)</script> [x](javascript:1) `|`".into();
    handout.steps[0].entries[0].value = "\"><img src=x>|`\n# a".into();
    let html = html(&handout, Language::English);
    assert!(!html.contains("<script>") && !html.contains("<img"));
    let markdown = markdown(&handout, Language::English);
    assert!(!markdown.contains("\n# a") && !markdown.contains("\n<script>"));
    assert!(markdown.starts_with("# Setting up \\<script\\>alert(1)\\</script\\> \\[x\\]"));
    let handout = Handout {
        steps: vec![Step {
            entries: vec![setup::Entry {
                act: setup::Act::Open,
                field: "x".into(),
                value: "javascript:alert(1)".into(),
                hint: None,
            }],
            ..handout.steps[0].clone()
        }],
        ..handout
    };
    assert!(!super::html(&handout, Language::English).contains("href"));
}
