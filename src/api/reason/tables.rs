//! The tables of reasons in the docs, between `<!-- reasons: TOPIC -->` and `<!-- /reasons -->`.
//! `UPDATE_DOCS=1` writes them; otherwise they are compared.

use std::{env, fmt::Write as _, fs, path::Path};

use super::{Reason, Topic};

/// Each table and its page.
const TABLES: [(&str, &str, Topic); 9] = [
    ("status.md", "integration", Topic::Integration),
    ("status.md", "webhook", Topic::Webhook),
    ("status.md", "delivery", Topic::Delivery),
    ("status.md", "zoom", Topic::Zoom),
    ("status.md", "grant", Topic::Grant),
    ("status.md", "event", Topic::Event),
    ("events.md", "endpoint", Topic::Endpoint),
    ("general-apps.md", "connection", Topic::Connection),
    ("general-apps.md", "consent", Topic::Consent),
];

/// All reasons of a topic, as a Markdown table in the order of the register.
fn table(topic: Topic, page: &str) -> String {
    let entries: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| reason.entry())
        .filter(|entry| entry.topics.contains(&topic))
        .collect();
    let with_conditions = entries.iter().any(|entry| !entry.conditions.is_empty());
    let mut table = if with_conditions {
        "| Reason | Condition | Meaning | Who acts | What to do |\n|---|---|---|---|---|\n"
    } else {
        "| Reason | Meaning | Who acts | What to do |\n|---|---|---|---|\n"
    }
    .to_owned();
    for entry in entries {
        let conditions: Vec<String> = entry
            .conditions
            .iter()
            .map(|(type_, statuses)| {
                let statuses: Vec<&str> = statuses.iter().map(|status| status.as_str()).collect();
                format!("`{}` {}", type_.as_str(), statuses.join(" or "))
            })
            .collect();
        write!(table, "| `{}` ", entry.name).unwrap();
        if with_conditions {
            write!(table, "| {} ", conditions.join(", ")).unwrap();
        }
        // On its own page, a link is written without the page's name.
        let here = |text: &str| text.replace(&format!("({page}#"), "(#");
        writeln!(
            table,
            "| {} | {} | {} |",
            here(entry.meaning),
            entry.actor.as_str(),
            here(entry.remedy)
        )
        .unwrap();
    }
    table
}

#[test]
fn the_tables_in_the_docs_are_those_of_the_register() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let update = env::var_os("UPDATE_DOCS").is_some();
    for (page, name, topic) in TABLES {
        let path = docs.join(page);
        let text = fs::read_to_string(&path).unwrap();
        let begin = format!("<!-- reasons: {name} -->\n");
        let (before, rest) = text
            .split_once(&begin)
            .unwrap_or_else(|| panic!("{page} has no {begin}"));
        let (now, after) = rest.split_once("<!-- /reasons -->").unwrap();
        let wanted = format!("\n{}\n", table(topic, page));
        if update {
            fs::write(
                &path,
                format!("{before}{begin}{wanted}<!-- /reasons -->{after}"),
            )
            .unwrap();
        } else {
            assert_eq!(
                now, wanted,
                "{page}: run UPDATE_DOCS=1 cargo test --lib api::reason"
            );
        }
    }
}

#[test]
fn every_reason_is_documented() {
    for reason in Reason::ALL.iter().copied() {
        let topics = reason.entry().topics;
        let documented = topics
            .iter()
            .any(|topic| TABLES.iter().any(|(_, _, table)| table == topic));
        assert!(documented, "{reason}");
    }
}
