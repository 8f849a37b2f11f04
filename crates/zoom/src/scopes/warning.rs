//! Scopes that are declared wrongly or too broadly, and what to do about it.

use super::{
    compare::Comparison,
    events, mapping,
    name::{Audience, Level, Style, is_app_owned},
};

/// Something to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A declared classic scope stands for many granular ones.
    Broad {
        /// The classic scope.
        scope: String,
        /// How many.
        stands_for: usize,
    },
    /// A granted classic scope allows more than what is declared.
    GrantsMore {
        /// The classic scope.
        scope: String,
        /// How many granular scopes it stands for.
        stands_for: usize,
        /// How many of them are declared.
        declared: usize,
    },
    /// Both lists at once; an app has one of them.
    Mixed {
        /// The first classic scope.
        classic: String,
        /// The first granular scope.
        granular: String,
    },
    /// The scope's level does not suit the app.
    WrongLevel {
        /// The scope.
        scope: String,
        /// Who authorizes the app.
        audience: Audience,
    },
    /// Zoom gives it by itself and refuses it in the form.
    AppOwned(String),
    /// It is not a scope name of Zoom's.
    UnknownForm {
        /// The name.
        scope: String,
        /// The known scope that it resembles.
        meant: Option<String>,
    },
    /// A declared event needs a scope that is not declared.
    EventNeeds(events::Need),
}

/// What to correct in the declared scopes and events of an app.
#[must_use]
pub fn warnings<'a>(
    declared: &[String],
    declared_events: impl IntoIterator<Item = &'a str>,
    audience: Audience,
) -> Vec<Warning> {
    let mut found = Vec::new();
    let first = |style| declared.iter().find(|scope| Style::of(scope) == style);
    if let (Some(classic), Some(granular)) = (first(Style::Classic), first(Style::Granular)) {
        found.push(Warning::Mixed {
            classic: classic.clone(),
            granular: granular.clone(),
        });
    }
    for scope in declared {
        if Style::of(scope) == Style::Unknown {
            found.push(Warning::UnknownForm {
                scope: scope.clone(),
                meant: mapping::nearest(scope),
            });
        } else if is_app_owned(scope) {
            found.push(Warning::AppOwned(scope.clone()));
        } else if !audience.takes(scope) {
            found.push(Warning::WrongLevel {
                scope: scope.clone(),
                audience,
            });
        }
        if let Some(granular) = mapping::all_granular(scope) {
            found.push(Warning::Broad {
                scope: scope.clone(),
                stands_for: granular.len(),
            });
        }
    }
    let needs = events::needs(declared_events, audience);
    found.extend(
        needs
            .known
            .into_iter()
            .filter(|need| !is_declared(&need.scope, declared))
            .map(Warning::EventNeeds),
    );
    found
}

/// Granted classic scopes that allow more than what is declared. One that is declared itself is what
/// [`warnings`] speaks of.
#[must_use]
pub fn granted_beyond(comparison: &Comparison, declared: &[String]) -> Vec<Warning> {
    comparison
        .excess
        .iter()
        .filter_map(|scope| {
            let granular = mapping::all_granular(scope)?;
            let asked = granular
                .iter()
                .filter(|part| declared.contains(part))
                .count();
            (asked < granular.len()).then(|| Warning::GrantsMore {
                scope: scope.clone(),
                stands_for: granular.len(),
                declared: asked,
            })
        })
        .collect()
}

/// By its name, or by a classic one that stands for it.
fn is_declared(scope: &str, declared: &[String]) -> bool {
    declared.iter().any(|known| known == scope)
        || mapping::classic(scope).any(|classic| declared.iter().any(|known| known == classic))
}

// === impl Warning ===

impl Warning {
    /// In one or two sentences, with the remedy.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Broad { scope, stands_for } => format!(
                "The classic scope {scope} stands for {stands_for} granular ones: in a new app, declare those that are used."
            ),
            Self::GrantsMore {
                scope,
                stands_for,
                declared,
            } => format!(
                "The granted classic scope {scope} stands for {stands_for} granular ones, of which {declared} are declared: migrate the app to granular scopes in Zoom, and authorize it again."
            ),
            Self::Mixed { classic, granular } => format!(
                "{classic} is a classic scope and {granular} a granular one, and an app has one kind: declare what the app's Scopes page shows."
            ),
            Self::WrongLevel {
                scope,
                audience: Audience::User,
            } if Level::of(scope) == Level::User => {
                format!("Zoom gives {scope} to admin-managed apps only: remove it.")
            }
            Self::WrongLevel {
                scope,
                audience: Audience::User,
            } => format!(
                "{scope} is for an app that an administrator authorizes: remove the suffix, since each user authorizes this app."
            ),
            Self::WrongLevel {
                scope,
                audience: Audience::Account,
            } => format!(
                "{scope} is for an app that each user authorizes: use {scope}:admin, since this app acts for the account."
            ),
            Self::AppOwned(scope) => format!(
                "Zoom gives {scope} to every app by itself and does not take it in the form: remove it."
            ),
            Self::UnknownForm {
                scope,
                meant: Some(meant),
            } => format!("{scope} is not a Zoom scope name: did you mean {meant}?"),
            Self::UnknownForm { scope, meant: None } => format!(
                "{scope} is not a Zoom scope name: copy the name from the app's Scopes page."
            ),
            Self::EventNeeds(need) => match need.source {
                events::Source::Documented => format!(
                    "The event {} needs the scope {}: declare it, or it counts as granted in excess.",
                    need.event, need.scope
                ),
                events::Source::Observed => format!(
                    "With the event {}, Zoom's form seems to add the scope {}: declare it, or it counts as granted in excess.",
                    need.event, need.scope
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::compare;

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    fn messages(declared: &[&str], events: &[&str], audience: Audience) -> Vec<String> {
        warnings(&list(declared), events.iter().copied(), audience)
            .iter()
            .map(Warning::message)
            .collect()
    }

    #[test]
    fn a_sound_list_has_no_warning() {
        let sound = ["meeting:read:meeting:admin", "imchat:bot", "scim2:admin"];
        assert!(messages(&sound, &["meeting.ended"], Audience::Account).is_empty());
    }

    #[test]
    fn each_mistake_has_its_sentence() {
        insta::assert_snapshot!(
            [
                messages(&["meeting:read"], &[], Audience::User),
                messages(&["phone:read", "meeting:read:meeting"], &[], Audience::User),
                messages(
                    &["meeting:read:meeting:admin", "imchat:bot"],
                    &[],
                    Audience::User
                ),
                messages(&["meeting:read:meeting"], &[], Audience::Account),
                messages(
                    &["marketplace:update:client_secret"],
                    &[],
                    Audience::Account
                ),
                messages(&["View your meetings"], &[], Audience::User),
                messages(&["meeting:raed:meeting"], &[], Audience::User),
                messages(
                    &["user:read:user:admin"],
                    &[
                        "meeting.ended",
                        "user.created",
                        "recording.completed",
                        "meeting.started"
                    ],
                    Audience::Account
                ),
            ]
            .concat()
            .join("\n")
        );
    }

    #[test]
    fn a_classic_scope_answers_an_events_need() {
        let found = messages(
            &["meeting:read:admin"],
            &["meeting.ended"],
            Audience::Account,
        );
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn a_grant_that_allows_more_than_declared_is_named() {
        let declared = list(&["meeting:read:meeting:admin", "meeting:read:poll:admin"]);
        let found = compare("meeting:read:admin user:read:user:admin", &declared, &[]);
        assert_eq!(
            granted_beyond(&found, &declared),
            [Warning::GrantsMore {
                scope: "meeting:read:admin".into(),
                stands_for: 18,
                declared: 2
            }]
        );
        let classic = list(&["meeting:read:admin"]);
        let found = compare("meeting:read:admin", &classic, &[]);
        assert!(granted_beyond(&found, &classic).is_empty());
    }
}
