//! What to do about missing scopes: the box to tick, and what makes the change count.

use super::{compare::Comparison, name::Style};

/// What makes a changed list of scopes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// The next token has them: a Server-to-Server app. Zoom may take some minutes.
    Wait,
    /// A person opens `status.installUrl` and authorizes again. The link itself is not said: messages become
    /// Events and logs, and whoever has the link can use it.
    Follow,
    /// A person has to authorize again, by a link that is not known here.
    AuthorizeAgain,
}

/// What stands beside the box of a scope in Zoom's form, for the classic scopes of which it is known.
/// Boxes of granular scopes show the name itself.
#[must_use]
pub fn label(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "meeting:read" => "View your meetings",
        "meeting:write" => "View and manage your meetings",
        "recording:read" => "View your recordings",
        "user:read" => "View your user information",
        "meeting:read:admin" => "View all user meetings",
        "webinar:read:admin" => "View all user Webinars",
        "user:read:admin" => "View all user information",
        "group:read:admin" => "View groups",
        "meeting:write:admin" => "View and manage all user meetings",
        "report:read:admin" => "View report data",
        "user:write:admin" => "Manage users",
        _ => return None,
    })
}

/// The box to tick, in one phrase.
#[must_use]
pub fn tick(scope: &str) -> String {
    match label(scope) {
        Some(label) => format!("{scope} (\"{label}\")"),
        None => scope.to_owned(),
    }
}

/// The message of `Missing scopes`: the boxes to tick and the link to follow again; `None` when
/// nothing required is missing. A scope that seems granted by another name is spoken of separately.
#[must_use]
pub fn message(comparison: &Comparison, then: Then) -> Option<String> {
    if comparison.is_complete() {
        return None;
    }
    let mut sentences = Vec::new();
    let (classic, boxes) = split(comparison);
    if !boxes.is_empty() || !classic.is_empty() {
        let granted = if comparison.granted.is_empty() {
            "Zoom granted no scope at all."
        } else {
            "Zoom did not grant all required scopes."
        };
        sentences.push(granted.into());
        if !boxes.is_empty() {
            let boxes: Vec<String> = boxes.into_iter().map(tick).collect();
            sentences.push(format!(
                "On the app's Scopes page, choose Add Scopes and tick {}.",
                boxes.join(", ")
            ));
        }
        if !classic.is_empty() {
            sentences.push(perhaps(&classic));
        }
        sentences.push(match then {
            Then::Wait => "The next token has them; Zoom may take some minutes.".into(),
            Then::Follow => {
                "Then the person opens status.installUrl and authorizes the app.".into()
            }
            Then::AuthorizeAgain => "Then the person has to authorize the app again.".into(),
        });
    }
    for covered in &comparison.covered {
        if comparison.missing.contains(&covered.scope) {
            sentences.push(covered.message());
        }
    }
    Some(sentences.join(" "))
}

/// The scopes that are wanting: the classic ones whose box the app may not have, and those with a box.
#[must_use]
pub fn split(comparison: &Comparison) -> (Vec<&str>, Vec<&str>) {
    // Without a grant nothing shows which of Zoom's two lists the app has; new apps have granular scopes.
    let is_unclear = comparison.granted.is_empty();
    comparison
        .wanting()
        .partition(|scope| is_unclear && Style::of(scope) == Style::Classic)
}

/// What to do about classic scopes of an app that may have granular ones.
#[must_use]
pub fn perhaps(classic: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = classic.iter().map(|scope| tick(scope.as_ref())).collect();
    format!(
        "Only older apps have the classic scopes {}: add them on the app's Scopes page if it shows them. If it does not, replace them in scopes.required by granular names.",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scopes::{compare, mapping};

    fn list(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_box_and_the_link_are_named() {
        let found = compare(
            "meeting:read:meeting",
            &list(&["meeting:read:meeting", "user:read:user"]),
            &[],
        );
        assert_eq!(
            message(&found, Then::Follow).unwrap(),
            "Zoom did not grant all required scopes. On the app's Scopes page, choose Add Scopes and tick user:read:user. Then the person opens status.installUrl and authorizes the app."
        );
        let older = compare("user:read", &list(&["meeting:read", "user:read"]), &[]);
        let text = message(&older, Then::Wait).unwrap();
        assert!(
            text.contains("tick meeting:read (\"View your meetings\")."),
            "{text}"
        );
    }

    #[test]
    fn a_classic_box_that_new_apps_do_not_have_is_never_recommended() {
        for granted in [
            "",
            "meeting:read:meeting:admin",
            "zoomapp:inmeeting meeting:read:poll:admin",
        ] {
            let declared = list(&["meeting:write:admin", "report:read:admin"]);
            let text = message(&compare(granted, &declared, &[]), Then::Wait).unwrap();
            assert!(!text.contains("tick"), "{granted}: {text}");
            assert!(text.contains("granular names"), "{granted}: {text}");
        }
    }

    #[test]
    fn a_scope_under_another_name_needs_no_box() {
        let found = compare("user:read", &list(&["user:read:user"]), &[]);
        let text = message(&found, Then::Wait).unwrap();
        assert!(
            text.starts_with("user:read:user is granted as the classic user:read:"),
            "{text}"
        );
        assert!(!text.contains("tick"));
    }

    #[test]
    fn how_the_change_counts_depends_on_the_app() {
        let found = compare("", &list(&["user:read:user"]), &[]);
        let text = |then| message(&found, then).unwrap();
        assert!(text(Then::Wait).starts_with("Zoom granted no scope at all. On the app's"));
        assert!(text(Then::Wait).ends_with("The next token has them; Zoom may take some minutes."));
        assert!(
            text(Then::AuthorizeAgain).ends_with("Then the person has to authorize the app again.")
        );
    }

    #[test]
    fn nothing_missing_nothing_said() {
        let found = compare("a:read b:read", &list(&["a:read"]), &list(&["c:read"]));
        assert_eq!(message(&found, Then::Wait), None);
    }

    #[test]
    fn labels_are_of_scopes_that_are_known() {
        let labelled = mapping::known().filter(|scope| label(scope).is_some());
        assert_eq!(labelled.count(), 11);
    }
}
