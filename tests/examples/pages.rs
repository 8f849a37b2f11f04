//! The pages: those of the five integrations name their files and have the numbers that `src/setup` comes to;
//! links lead somewhere; the tests that the threat model names exist.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use contract::facts::SecretRole;
use jiff::Timestamp;
use zoom::scopes;
use zoom_operator::{
    api::v1alpha1::{ZoomIntegration, ZoomIntegrationSpec},
    setup::{self, Facts, State, facts::Attempt, order},
};

use crate::{files, folder, read};

const FIVE: [&str; 5] = ["clinicea", "kivicare", "nectar-dxp", "ontime", "stackone"];

/// What a page says of a file: steps by hand, those that can be proved, entries.
type Numbers = [usize; 3];

#[test]
fn each_of_the_five_names_every_file_of_its_folder() {
    for name in FIVE {
        let folder = folder().join(name);
        let page = page(&folder);
        for file in files(&folder) {
            let file = file.file_name().unwrap().to_str().unwrap();
            let named = file == "README.md" || page.contains(&format!("\n| `{file}` | "));
            assert!(named, "{name} does not name {file}");
        }
    }
}

#[test]
fn what_is_left_by_hand_is_what_setup_says() {
    let (mut written, mut true_) = (BTreeMap::new(), BTreeMap::new());
    for name in FIVE {
        let folder = folder().join(name);
        written.insert(name, stated(&page(&folder)));
        let counted: BTreeMap<String, Numbers> = files(&folder)
            .iter()
            .filter_map(|file| Some((file_name(file), counted(file)?)))
            .collect();
        true_.insert(name, counted);
    }
    assert_eq!(written, true_, "steps, proved, entries");
}

#[test]
fn every_step_that_is_left_is_named_where_the_manual_has_it() {
    for name in FIVE {
        let folder = folder().join(name);
        let page = page(&folder);
        for file in files(&folder) {
            let Some(spec) = integration(&file) else {
                continue;
            };
            for id in order::ids(&spec, &Facts::default()) {
                let named = page.contains(&format!("`{}`", id.as_str()));
                assert!(named, "{name}: {} is not on the page", id.as_str());
            }
        }
    }
}

#[test]
fn every_link_between_pages_leads_to_a_file_and_a_heading() {
    let root = folder().parent().unwrap().to_owned();
    let folders = ["docs", "examples", "charts", "benches"].map(|name| files(&root.join(name)));
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root.join(name));
    // What the benches install is not ours.
    let is_ours = |page: &PathBuf| {
        !page
            .components()
            .any(|part| part.as_os_str() == "node_modules")
    };
    let pages = folders.into_iter().flatten().filter(is_ours).chain(top);
    for page in pages.filter(|page| page.extension().is_some_and(|end| end == "md")) {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.starts_with("https://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.clone(),
                file => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {link}", page.display());
            let found = heading.is_empty() || anchors(&target).contains(&heading.to_owned());
            assert!(found, "{}: no heading for {link}", page.display());
        }
    }
}

#[test]
fn the_tests_that_the_threat_model_names_exist() {
    let root = folder().parent().unwrap().to_owned();
    let code: String = ["src", "crates", "tests"]
        .iter()
        .map(|name| root.join(name))
        .filter(|folder| folder.exists())
        .flat_map(|folder| files(&folder))
        .filter(|file| file.extension().is_some_and(|end| end == "rs"))
        .map(|file| fs::read_to_string(file).unwrap())
        .collect();
    let page = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let is_test = |name: &str| {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        name.contains('_') && name.chars().all(known)
    };
    // Every second piece is within backticks.
    for name in page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| is_test(name))
    {
        let found = code.contains(&format!("fn {}(", name.rsplit(':').next().unwrap()))
            || code.contains(&format!("\"{name}\""));
        assert!(found, "docs/threat-model.md names no test: {name}");
    }
}

/// The anchors of a page's headings, formed as GitHub forms them.
fn anchors(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let slug = |heading: &str| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        text.chars()
            .filter(kept)
            .collect::<String>()
            .replace(' ', "-")
    };
    headings.map(slug).collect()
}

fn page(folder: &Path) -> String {
    fs::read_to_string(folder.join("README.md")).unwrap()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// The rows "| `file` | steps | proved | entries |" of a page.
fn stated(page: &str) -> BTreeMap<String, Numbers> {
    page.lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [file, numbers @ ..] = cells.as_slice() else {
                return None;
            };
            let file = file.strip_prefix('`')?.strip_suffix('`')?;
            let numbers: Vec<usize> = numbers.iter().filter_map(|n| n.parse().ok()).collect();
            Some((file.to_owned(), numbers.try_into().ok()?))
        })
        .collect()
}

/// The integration of a file, if it has one.
fn integration(path: &Path) -> Option<ZoomIntegrationSpec> {
    path.extension().filter(|end| *end == "yaml")?;
    let found = read(path)
        .into_iter()
        .find(|resource| resource["kind"] == "ZoomIntegration")?;
    let found: ZoomIntegration = serde_json::from_value(found).unwrap();
    Some(found.spec)
}

fn counted(path: &Path) -> Option<Numbers> {
    let spec = integration(path)?;
    let connections = read(path)
        .iter()
        .filter(|resource| resource["kind"] == "ZoomConnection")
        .count();
    let now = Timestamp::now();
    let steps = setup::steps(&spec, &all_done(&spec, connections), now);
    let proved = steps.iter().filter(|step| step.state == State::Done);
    let entries = steps.iter().flat_map(|step| &step.entries);
    Some([steps.len(), proved.count(), entries.count()])
}

/// Everything was done, and all that can be seen of it was seen.
fn all_done(spec: &ZoomIntegrationSpec, connections: usize) -> Facts {
    let mut facts = Facts::default();
    let keys = &spec.credentials;
    facts.secret.exists = true;
    facts.secret.keys = [
        keys.client_id(),
        keys.client_secret(),
        keys.webhook_secret_token(),
    ]
    .map(ToOwned::to_owned)
    .into();
    facts.credentials = Attempt::Accepted(None);
    if spec.webhook.is_some() {
        facts.endpoint.available = Some(true);
        facts.endpoint.validated_at = Some(Timestamp::now());
        facts.endpoint.verified_at = Some(Timestamp::now());
        facts.endpoint.secret = Some(SecretRole::Current);
        facts.endpoint.events_seen = order::events(spec)
            .into_iter()
            .map(ToOwned::to_owned)
            .collect();
    }
    if !order::is_external(spec) {
        let required = &spec.scopes.required;
        facts.scopes = Some(scopes::compare(&required.join(" "), required, &[]));
        facts.consent.callback = Some("https://connect.example.com/callback/a/b".to_owned());
    }
    // Of the app itself; a connection's own link is gone once it is connected.
    if order::is_external(spec) || spec.self_service().is_some() {
        facts.consent.install_url = Some("https://example.com/install".to_owned());
    }
    facts.consent.people.total = connections;
    facts.consent.people.connected = connections;
    facts
}
