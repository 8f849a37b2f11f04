use super::*;
use crate::{
    api::v1alpha1::ZoomIntegrationSpec,
    setup::{
        self, Facts, Step,
        facts::PeopleFacts,
        tests::fixtures::{FIVE, done, example, half_way, now},
        words,
    },
};
use contract::Language;
use zoom::Fault;

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
            ("stackone", handout("stackone", half_way)),
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
            let handout = Handout {
                with_links: true,
                ..handout(name, facts)
            };
            for language in Language::ALL {
                let (markdown, html) = (markdown(&handout, language), html(&handout, language));
                assert!(markdown.matches("\n## ").count() >= handout.steps.len());
                assert_eq!(
                    html.matches("<li class=\"step").count(),
                    handout.steps.len()
                );
                for entry in handout.steps.iter().flat_map(|step| &step.entries) {
                    let value = words::target(entry, words::words(language));
                    let value = value.unwrap_or_else(|| entry.value.clone());
                    assert!(markdown.contains(&value), "{value}");
                    let escaped = value.replace('&', "&amp;").replace('"', "&quot;");
                    assert!(html.contains(&escaped), "{value}");
                }
            }
        }
    }
}

/// People pass the file on, and anybody with a personal link can authorize in that person's place.
#[test]
fn personal_links_are_counted_unless_they_are_asked_for() {
    let own = "https://connect.example.com/install/tenants/app";
    let link = |number: usize| format!("https://connect.example.com/connections/{number}/nonce");
    let many = |spec: &ZoomIntegrationSpec| {
        let mut facts = half_way(spec);
        facts.consent.install_url = Some(own.into());
        facts.consent.people = PeopleFacts {
            total: 30,
            connected: 1,
            links: (11..40)
                .map(|number| (format!("person-{number}"), link(number)))
                .collect(),
            ..PeopleFacts::default()
        };
        facts
    };
    let mut handout = handout("stackone", many);
    for with_links in [false, true] {
        handout.with_links = with_links;
        for language in Language::ALL {
            for text in [markdown(&handout, language), html(&handout, language)] {
                assert!(text.contains(own), "{text}");
                let shown = (10..40).filter(|number| text.contains(&link(*number)));
                let shown: Vec<usize> = shown.collect();
                let texts = texts::texts(language);
                let (wanted, sentence) = if with_links {
                    ((11..31).collect(), (texts.links)(20, 29))
                } else {
                    (Vec::new(), (texts.links_left_out)(29))
                };
                assert_eq!(shown, wanted, "{text}");
                assert!(text.contains(&sentence), "{text}");
            }
        }
    }
}

/// People pass the file on: it must not load, run or reveal anything.
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
    assert!(!super::html(&handout, Language::English).contains("href=\"javascript"));
}
