//! Reads the consents that the pages handed over: a few at a time. Anybody with a link can start many.

use std::collections::BTreeSet;

use contract::consent;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    connection::model::Wait,
    error::Error,
    key::Key,
    published,
    reader::{Reader, Reads},
    writer::Writer,
};
use crate::api::annotation;

/// So many consents of an object are read in a pass. The others come once these are over.
const MOST: usize = 8;

/// So often others are read in place of those that turn out not to concern it.
const ROUNDS: usize = 4;

/// So many are listed by each selector where the watch does not know all of them, without what they hold.
const LISTED: u32 = 100;

/// What to read.
pub struct Wanted<'a> {
    /// The namespace of the Secrets.
    pub namespace: &'a str,
    /// The object that they are handed over to.
    pub key: &'a Key,
    /// The labels by which they are found where the watch does not know all of them.
    pub selectors: &'a [String],
    /// One that is read in any case, if it exists.
    pub told: Option<&'a str>,
    /// Those that were dealt with already, or that wait.
    pub done: &'a BTreeSet<String>,
}

/// What was read.
#[derive(Default)]
pub struct Handed {
    /// The consents that concern the object.
    pub own: Vec<Secret>,
    /// Others, which have no place among these.
    pub others: Vec<Secret>,
    /// Whether the others left consents unread that may concern the object.
    pub is_more: bool,
}

/// Which consents are read: a few at a time.
struct Places<'a> {
    names: Vec<String>,
    told: Option<&'a str>,
    read: BTreeSet<String>,
}

/// Secrets that hand over consents to an object: those that the watch knows, by name. Anybody with a link of their own
/// can start many that are not `concerned` with it: these do not take the places of the others.
///
/// # Errors
/// When a request to the API server fails.
pub async fn handed_over(
    reader: &Reader,
    wanted: Wanted<'_>,
    concerned: impl Fn(&Secret) -> bool,
) -> Result<Handed, Error> {
    let secrets: Reads<Secret> = reader.within(wanted.namespace);
    let mut names = match reader.index().consents(wanted.key) {
        Some(names) => names,
        None => listed(&secrets, wanted.selectors).await?,
    };
    names.retain(|name| !wanted.done.contains(name));
    let mut places = Places::new(names, wanted.told);
    let mut handed = Handed::default();
    for _ in 0..ROUNDS {
        let names = places.unread();
        if names.is_empty() {
            return Ok(handed);
        }
        let found = names.iter().map(|name| secrets.get_opt(name));
        let found = futures::future::try_join_all(found).await?;
        let found = found.into_iter().flatten();
        let found = found.filter(|secret| secret.type_.as_deref() == Some(consent::SECRET_TYPE));
        let (own, others): (Vec<_>, Vec<_>) = found.partition(&concerned);
        places.read(names, |name| own.iter().any(|own| own.name_any() == name));
        handed.own.extend(own);
        handed.others.extend(others);
    }
    handed.is_more = !places.unread().is_empty();
    Ok(handed)
}

/// Records in a consent's Secret how often it failed and until when it waits. A refusal is only logged: what the pass
/// found must be told all the same.
///
/// # Errors
/// When the API server does not answer, or this replica no longer leads.
pub async fn remember(
    writer: &Writer,
    namespace: &str,
    by: Key,
    secret: &str,
    wait: Wait,
) -> Result<(), Error> {
    let patch = Patch::Merge(json!({"metadata": {"annotations": {
        annotation::ATTEMPTS: wait.attempts.to_string(),
        annotation::RETRY_AT: wait.until.to_string(),
    }}}));
    let secrets: Api<Secret> = writer.within(namespace)?;
    let write = writer.begin_consent(by, secret);
    let params = PatchParams::default();
    let patched = secrets.patch_metadata(secret, &params, &patch).await;
    if let Ok(patched) = &patched {
        write.done_all(patched.resource_version().into_iter().collect());
    }
    kept(published::ok_if_gone(patched))
}

/// Accepts that the API server does not take a note in a consent's Secret.
fn kept(written: Result<(), Error>) -> Result<(), Error> {
    let Err(error) = written else {
        return Ok(());
    };
    let sentence = error.into_refusal()?;
    tracing::warn!(
        sentence,
        "the API server does not take how long a consent waits"
    );
    Ok(())
}

/// The names, the oldest first.
async fn listed(secrets: &Reads<Secret>, selectors: &[String]) -> Result<Vec<String>, Error> {
    let mut found: Vec<(Option<Timestamp>, String)> = Vec::new();
    for selector in selectors {
        let params = ListParams::default().labels(selector).limit(LISTED);
        let listed = secrets.list_metadata(&params).await?;
        let created = listed.iter().map(|secret| {
            let created = secret.creation_timestamp().map(|time| time.0);
            (created, secret.name_any())
        });
        found.extend(created);
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, name)| name).collect())
}

// === impl Places ===

impl<'a> Places<'a> {
    fn new(names: Vec<String>, told: Option<&'a str>) -> Self {
        Self {
            names,
            told,
            read: BTreeSet::new(),
        }
    }

    /// Those to read next.
    fn unread(&self) -> Vec<String> {
        let mut chosen = chosen(&self.names, self.told);
        chosen.retain(|name| !self.read.contains(name));
        chosen
    }

    /// These were read. Others take the places of those that are gone or not the object's `own`.
    fn read(&mut self, names: Vec<String>, own: impl Fn(&str) -> bool) {
        let (own, others): (BTreeSet<_>, BTreeSet<_>) =
            names.into_iter().partition(|name| own(name));
        self.names.retain(|name| !others.contains(name));
        self.read.extend(own);
    }
}

/// Those of `names`, the oldest first, that are read: the oldest, the newest, whose person is in front of a page and
/// whose grant may take the place of the others, and the one that is `told` of.
fn chosen(names: &[String], told: Option<&str>) -> Vec<String> {
    let last = names.len().saturating_sub(1);
    let is_special = |place: usize, name: &str| place == last || Some(name) == told;
    let special = names.iter().enumerate();
    let special = special.filter(|(place, name)| is_special(*place, name));
    let mut room = MOST.saturating_sub(special.count());
    let mut chosen = Vec::new();
    for (place, name) in names.iter().enumerate() {
        if is_special(place, name) {
            chosen.push(name.clone());
        } else if room > 0 {
            room -= 1;
            chosen.push(name.clone());
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_note_does_not_fail_the_pass() {
        let answered = |code| {
            let status = kube::core::Status::failure("no", "").with_code(code);
            kept(Err(kube::Error::Api(status.boxed()).into()))
        };
        for code in [403, 413, 422, 500] {
            assert!(answered(code).is_ok(), "{code}");
        }
        assert!(answered(401).is_err(), "every request is refused");
        assert!(matches!(kept(Err(Error::Deposed)), Err(Error::Deposed)));
        assert!(kept(Ok(())).is_ok());
    }

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("c{n}")).collect()
    }

    #[test]
    fn of_many_consents_a_few_are_read() {
        let chosen = |names: Vec<String>, told| chosen(&names, told);
        assert!(chosen(Vec::new(), Some("c1")).is_empty());
        assert_eq!(chosen(names(8), None), names(8));
        let of_many = ["c0", "c1", "c2", "c3", "c4", "c5", "c6", "c999"];
        assert_eq!(chosen(names(1000), None), of_many);
        assert_eq!(chosen(names(1000), Some("gone")), of_many);
        assert_eq!(chosen(names(1000), Some("c2")), of_many);
        let with_it = ["c0", "c1", "c2", "c3", "c4", "c5", "c500", "c999"];
        assert_eq!(chosen(names(1000), Some("c500")), with_it);
    }

    /// The 20 oldest are not the object's own, and neither is one that came later.
    #[test]
    fn consents_that_concern_somebody_else_take_no_place() {
        let is_own = |name: &str| !(0..20).chain([22]).any(|n| name == format!("c{n}"));
        let mut places = Places::new(names(25), None);
        let (mut own, mut rounds) = (Vec::new(), 0);
        loop {
            let unread = places.unread();
            if unread.is_empty() {
                break;
            }
            rounds += 1;
            own.extend(unread.iter().filter(|name| is_own(name)).cloned());
            places.read(unread, is_own);
        }
        own.sort_unstable();
        assert_eq!(own, ["c20", "c21", "c23", "c24"]);
        assert!(rounds <= ROUNDS, "{rounds}");
        let mut all_own = Places::new(names(25), None);
        all_own.read(all_own.unread(), |_| true);
        assert!(all_own.unread().is_empty(), "a pass reads {MOST}");
    }
}
