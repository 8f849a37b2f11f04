//! The content of a handout, whatever its format.

use jiff::Timestamp;
use kube::ResourceExt as _;

use super::texts::Texts;
use crate::{
    api::v1alpha1::{ZoomConnection, ZoomIntegration, ZoomIntegrationSpec},
    setup::{
        self, Entry, Facts, State, Step, Warning, known,
        people::People,
        step::{Act, StepId},
    },
};

/// The address of Zoom's pages for developers.
pub(super) const PORTAL: &str = "https://marketplace.zoom.us";
/// At most this many personal links are printed.
const MOST_LINKS: usize = 20;
/// The name of the entry with the integration's own link. The entry of a personal link has the name of its
/// connection, which contains no capitals.
const OWN_LINK: &str = "Installation URL";

/// The content of a handout.
#[derive(Clone, Debug)]
pub struct Handout {
    /// The app's name.
    pub app: String,
    /// Namespace and name of the integration.
    pub integration: String,
    /// The steps, in the order of Zoom's portal.
    pub steps: Vec<Step>,
    /// The risks, without those that a step names.
    pub warnings: Vec<Warning>,
    /// When it was written.
    pub written: Timestamp,
    /// Whether personal links are printed.
    pub with_links: bool,
}

// === impl Handout ===

impl Handout {
    /// The handout for an integration, with the state at `now`.
    #[must_use]
    pub fn new(
        namespace: &str,
        name: &str,
        spec: &ZoomIntegrationSpec,
        facts: &Facts,
        now: Timestamp,
    ) -> Self {
        let steps = setup::steps(spec, facts, now);
        let mut warnings = setup::warnings(spec, facts, &steps);
        warnings.retain(|warning| !is_shown(warning, &steps));
        Self {
            app: spec.app.display_name.clone().unwrap_or_else(|| name.into()),
            integration: format!("{namespace}/{name}"),
            warnings,
            steps,
            written: now,
            with_links: false,
        }
    }

    /// The controller's own report about an integration's setup, together with its connections. `None` if
    /// there is no report yet: open steps would be a guess.
    #[must_use]
    pub fn of(
        integration: &ZoomIntegration,
        connections: &[ZoomConnection],
        now: Timestamp,
    ) -> Option<Self> {
        let status = integration.status.as_ref()?;
        if status.setup.is_empty() {
            return None;
        }
        let people: People = connections.iter().collect();
        let facts = known::facts(&integration.spec, status, people.all());
        let namespace = integration.namespace().unwrap_or_default();
        let name = integration.name_any();
        Some(Self::new(&namespace, &name, &integration.spec, &facts, now))
    }

    /// How many steps are done.
    #[must_use]
    pub fn done(&self) -> usize {
        let done = |step: &&Step| step.state == State::Done;
        self.steps.iter().filter(done).count()
    }

    /// The entries of a step that are printed.
    pub(super) fn entries<'a>(&self, step: &'a Step) -> Vec<&'a Entry> {
        let mut left = if self.with_links { MOST_LINKS } else { 0 };
        let printed = |entry: &&Entry| {
            if !is_personal(step, entry) {
                return true;
            }
            let fits = left > 0;
            left = left.saturating_sub(1);
            fits
        };
        step.entries.iter().filter(printed).collect()
    }

    /// The note on a step's personal links, if it has any.
    pub(super) fn about_links(&self, step: &Step, texts: &Texts) -> Option<String> {
        let personal = |entry: &&Entry| is_personal(step, entry);
        let count = step.entries.iter().filter(personal).count();
        (count > 0).then(|| {
            if self.with_links {
                (texts.links)(count.min(MOST_LINKS), count)
            } else {
                (texts.links_left_out)(count)
            }
        })
    }
}

/// Whether a step that is not done says the same.
fn is_shown(warning: &Warning, steps: &[Step]) -> bool {
    let Warning::Button(caution) = warning else {
        return false;
    };
    let mut open = steps.iter().filter(|step| step.state != State::Done);
    open.any(|step| step.cautions.contains(caution))
}

/// Whether it is the link of one person.
fn is_personal(step: &Step, entry: &Entry) -> bool {
    step.id == StepId::Install && entry.act == Act::Open && entry.field != OWN_LINK
}

/// A time in UTC, to the minute.
pub(super) fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
