//! CEL rules that two lists share: the level of a scope must suit the kind of the app.
//!
//! The level is found by its suffix, never by counting colons: classic names with four parts exist.

use kube::core::{Message, Rule};

const ELEVATED: &str = "((s + ':').contains(':admin:') || (s + ':').contains(':master:'))";

/// Names that Zoom gives a suffix in admin-managed apps: not the two-part ones such as `imchat:bot`,
/// and not the Marketplace's own.
const NEEDS_LEVEL: &str =
    "s.matches('^[^:]+:([^:]+:|(read|write)$)') && !s.startsWith('marketplace:')";

/// Scopes of a user-managed app carry no level; `list` is `required` or `optional`.
pub fn user_level(list: &str) -> Rule {
    level(
        list,
        "self.app.?management.orValue('') != 'User'",
        ELEVATED,
        "scopes of a user-managed app carry no :admin or :master: remove the suffix from ",
        ", or set app.management: Admin",
    )
}

/// Scopes of an admin-managed or `ServerToServer` app carry a level.
pub fn admin_level(list: &str) -> Rule {
    level(
        list,
        "self.app.?management.orValue('Admin') != 'Admin'",
        &format!("{NEEDS_LEVEL} && !{ELEVATED}"),
        "scopes of an admin-managed or ServerToServer app carry :admin (or :master): add the suffix to ",
        "",
    )
}

/// A scope stands in one list only.
pub fn in_one_list() -> Rule {
    Rule::new("!has(self.optional) || !self.optional.exists(s, s in self.required)").message(
        Message::Expression(
            "'a scope is either required or optional: remove ' + self.optional.filter(s, s in self.required)[0] + ' from one of the two lists'"
                .into(),
        ),
    )
}

fn level(list: &str, exempt: &str, offends: &str, before: &str, after: &str) -> Rule {
    let scopes = format!("self.scopes.{list}");
    Rule::new(format!(
        "{exempt} || !has(self.scopes) || !has({scopes}) || !{scopes}.exists(s, {offends})"
    ))
    .message(Message::Expression(format!(
        "'{before}' + {scopes}.filter(s, {offends})[0] + '{after}'"
    )))
    .field_path(".scopes")
}
