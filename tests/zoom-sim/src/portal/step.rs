//! A step as the person reads it, and what the person does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Desk, fill,
    form::Form,
    pages::{Action, Page},
    save,
};

/// One element of `status.setup`, as far as a person at Zoom's portal acts by it.
#[derive(Deserialize)]
pub struct Step {
    #[serde(rename = "where")]
    place: String,
    #[serde(default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    action: Action,
    field: String,
    value: String,
}

/// What the person has in hand afterwards.
#[derive(Default, Serialize)]
pub struct Report {
    /// By Secret and key.
    copied: BTreeMap<String, BTreeMap<String, String>>,
    opened: Vec<String>,
}

/// What is to become of the desk.
pub(super) struct Done {
    pub form: Option<Form>,
    pub report: Report,
    /// To be validated before anything is saved.
    pub endpoint: Option<String>,
    /// The app is submitted.
    pub submits: bool,
}

// === impl Step ===

impl Step {
    pub fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn perform(&self, desk: &Desk) -> Result<Done, String> {
        let mut report = Report::default();
        let links = self.entries.iter().filter(|e| e.action == Action::Open);
        report.opened.extend(links.map(|link| link.value.clone()));
        if !self.entries.is_empty() && report.opened.len() == self.entries.len() {
            return Ok(Done {
                form: desk.form.clone(),
                report,
                endpoint: None,
                submits: false,
            });
        }
        self.on_page(desk, report)
            .map_err(|why| format!("page {}: {why}", self.place))
    }

    fn on_page(&self, desk: &Desk, mut report: Report) -> Result<Done, String> {
        let kind = desk.form.as_ref().map(|form| form.kind);
        let page = Page::at(&self.place, kind).ok_or("there is no such page")?;
        let new = desk.form.is_none();
        let mut entries = self.entries.iter().peekable();
        let mut form = match (&desk.form, page.makes()) {
            (Some(form), _) => form.clone(),
            (None, Some(field)) => {
                let first = entries.next_if(|entry| entry.field == field);
                let first =
                    first.ok_or(format!("choose the kind of app in the field {field} first"))?;
                fill::begin(field, &first.value, desk.classic)?
            }
            (None, None) => return Err("there is no app yet".to_owned()),
        };
        let mut endpoint = None;
        for entry in entries {
            let field = &entry.field;
            let action = page.field(field, form.kind);
            let action = action.ok_or_else(|| format!("there is no field {field}"))?;
            if action != entry.action {
                let (is, not) = (action.done(), entry.action.done());
                return Err(format!("field {field} is {is}, not {not}"));
            }
            if action == Action::Open {
                if page == Page::DomainValidation && !form.verification_files.contains(&entry.value)
                {
                    form.verification_files.push(entry.value.clone());
                }
                continue;
            }
            if action == Action::Copy {
                let value = fill::read(&form, &desk.account_id, field)?;
                let (secret, key) = entry
                    .value
                    .split_once('/')
                    .ok_or_else(|| format!("{} names no key of a Secret", entry.value))?;
                let keys = report.copied.entry(secret.to_owned()).or_default();
                keys.insert(key.to_owned(), value);
                continue;
            }
            fill::fill(&mut form, page, field, &entry.value, new)?;
            if page == Page::Events && field.ends_with("URL") {
                save::endpoint(&entry.value)?;
                endpoint = Some(entry.value.clone());
            }
        }
        save::save(&mut form, page)?;
        Ok(Done {
            form: Some(form),
            report,
            endpoint,
            submits: page == Page::Submit,
        })
    }
}
