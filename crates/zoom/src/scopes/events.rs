//! Which scopes the declared events need. Zoom publishes it event by event; only what is known stands
//! here, and an event that does not is said to be unknown, not to need nothing.

use super::name::{Audience, Level};

/// How a need is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Zoom's documentation says so.
    Documented,
    /// A vendor's manual finds the scope in Zoom's form once the event was added.
    Observed,
}

/// An event's need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The event.
    pub event: String,
    /// The granular scope without which Zoom does not send it.
    pub scope: String,
    /// How that is known.
    pub source: Source,
}

/// What is known about the declared events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The needs that are known.
    pub known: Vec<Need>,
    /// Events of which nothing is known.
    pub unknown: Vec<String>,
}

/// Event; scope without level; levels for which it is known; source.
type Row = (&'static str, &'static str, &'static [Level], Source);

const BOTH: &[Level] = &[Level::User, Level::Admin];
const ADMIN: &[Level] = &[Level::Admin];

const ROWS: [Row; 8] = [
    (
        "meeting.participant_joined",
        "meeting:read:participant",
        BOTH,
        Source::Documented,
    ),
    (
        "recording.completed",
        "cloud_recording:read:recording",
        BOTH,
        Source::Documented,
    ),
    (
        "app.authorization_request_created",
        "marketplace:read:app_request",
        ADMIN,
        Source::Documented,
    ),
    (
        "meeting.ended",
        "meeting:read:meeting",
        ADMIN,
        Source::Observed,
    ),
    (
        "webinar.ended",
        "webinar:read:webinar",
        ADMIN,
        Source::Observed,
    ),
    ("user.created", "user:read:user", ADMIN, Source::Observed),
    ("user.deleted", "user:read:user", ADMIN, Source::Observed),
    ("user.updated", "user:read:user", ADMIN, Source::Observed),
];

/// What stands beside the box of an event in Zoom's form, group first, for the events of which it is
/// known.
#[must_use]
pub fn label(event: &str) -> Option<&'static str> {
    Some(match event {
        "meeting.ended" => "Meeting: End Meeting",
        "webinar.ended" => "Webinar: End Webinar",
        "user.created" => "User: created",
        "user.deleted" => "User: deleted",
        "user.updated" => "User: profile info updated",
        _ => return None,
    })
}

/// What an event needs in an app of this audience; `None` where it is not known.
#[must_use]
pub fn need(event: &str, audience: Audience) -> Option<Need> {
    let level = audience.level();
    let (_, scope, _, source) = ROWS
        .iter()
        .find(|(name, _, levels, _)| *name == event && levels.contains(&level))?;
    Some(Need {
        event: event.to_owned(),
        scope: format!("{scope}{}", level.suffix()),
        source: *source,
    })
}

/// What the declared events need.
#[must_use]
pub fn needs<'a>(events: impl IntoIterator<Item = &'a str>, audience: Audience) -> Needs {
    let mut needs = Needs::default();
    for event in events {
        match need(event, audience) {
            Some(need) => needs.known.push(need),
            None => needs.unknown.push(event.to_owned()),
        }
    }
    needs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::name::Style;

    #[test]
    fn the_scope_has_the_level_of_the_app() {
        let scope = |event, audience| need(event, audience).map(|need| need.scope);
        assert_eq!(
            scope("recording.completed", Audience::User).as_deref(),
            Some("cloud_recording:read:recording")
        );
        assert_eq!(
            scope("recording.completed", Audience::Account).as_deref(),
            Some("cloud_recording:read:recording:admin")
        );
        assert_eq!(
            scope("user.deleted", Audience::Account).as_deref(),
            Some("user:read:user:admin")
        );
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        let found = needs(["meeting.ended", "meeting.started"], Audience::User);
        assert!(found.known.is_empty());
        assert_eq!(found.unknown, ["meeting.ended", "meeting.started"]);
        let found = needs(["meeting.ended"], Audience::Account);
        assert_eq!(found.known[0].source, Source::Observed);
    }

    #[test]
    fn every_row_names_a_granular_scope_of_its_level() {
        for (event, _, levels, _) in ROWS {
            for audience in [Audience::User, Audience::Account] {
                let found = need(event, audience);
                assert_eq!(found.is_some(), levels.contains(&audience.level()));
                if let Some(found) = found {
                    assert_eq!(Style::of(&found.scope), Style::Granular);
                    assert!(audience.takes(&found.scope), "{}", found.scope);
                }
            }
        }
    }
}
