//! What to do about missing scopes: the box to tick, and what makes the change count.

use super::compare::Comparison;

/// What makes a changed list of scopes count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then<'a> {
    /// The next token has them: a Server-to-Server app. Zoom may take some minutes.
    Wait,
    /// A person has to authorize again, by this link.
    Follow(&'a str),
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
pub fn message(comparison: &Comparison, then: Then<'_>) -> Option<String> {
    if comparison.is_complete() {
        return None;
    }
    let mut sentences = Vec::new();
    let boxes: Vec<String> = comparison.wanting().map(tick).collect();
    if !boxes.is_empty() {
        let granted = if comparison.granted.is_empty() {
            "Zoom granted no scope at all."
        } else {
            "Zoom did not grant all required scopes."
        };
        sentences.push(format!(
            "{granted} On the app's Scopes page, choose Add Scopes and tick {}.",
            boxes.join(", ")
        ));
        sentences.push(match then {
            Then::Wait => "The next token has them; Zoom may take some minutes.".into(),
            Then::Follow(link) => format!("Then authorize again: {link}"),
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
            &list(&["meeting:read", "meeting:read:meeting", "user:read:user"]),
            &[],
        );
        assert_eq!(
            message(&found, Then::Follow("https://zoom.example/i")).unwrap(),
            "Zoom did not grant all required scopes. On the app's Scopes page, choose Add Scopes and tick meeting:read (\"View your meetings\"), user:read:user. Then authorize again: https://zoom.example/i The classic meeting:read is granted in part: 1 of its granular scopes, without meeting:read:invitation, meeting:read:list_meetings, meeting:read:list_past_instances and 14 more. Declare those that are needed by their granular names."
        );
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
        for scope in mapping::known() {
            let dashboard = scope.starts_with("dashboard_");
            assert_eq!(label(scope).is_none(), dashboard, "{scope}");
        }
    }
}
