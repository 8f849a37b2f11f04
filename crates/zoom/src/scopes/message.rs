//! Zoom's answers to a call that the token does not allow.
//!
//! `{"code":4711,"message":"Invalid access token, does not contain scopes:[a, b]."}`: the code differs
//! by product (4711, 4700, 104 and 201 were seen), the words do not, so the words are read.

use super::name::Audience;

const REFUSAL: &str = "does not contain scopes";
const WORDS: &str = "does not contain scopes:";
/// An answer names a handful. More is no answer of Zoom's.
const MOST: usize = 100;

/// Whether Zoom refuses for want of scopes, named or not.
#[must_use]
pub fn is_about_scopes(message: &str) -> bool {
    message.contains(REFUSAL)
}

/// The scopes that Zoom misses, in its order; `None` when the message says nothing of scopes. Zoom does
/// not say whether it wants all of them or one.
#[must_use]
pub fn named_as_missing(message: &str) -> Option<Vec<String>> {
    let (_, rest) = message.split_once(WORDS)?;
    let list = rest.trim_start().strip_prefix('[')?;
    let (list, _) = list.split_once(']')?;
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',').map(str::trim).take(MOST) {
        if is_name(name) && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    (!names.is_empty()).then_some(names)
}

/// Those that an app of this audience can have at all; all of them if it can have none.
#[must_use]
pub fn suitable(names: &[String], audience: Audience) -> Vec<String> {
    let suitable: Vec<String> = names
        .iter()
        .filter(|name| audience.takes(name))
        .cloned()
        .collect();
    if suitable.is_empty() {
        names.to_vec()
    } else {
        suitable
    }
}

/// Nothing else gets from Zoom's words into a status.
fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(message: &str) -> Vec<String> {
        named_as_missing(message).unwrap_or_default()
    }

    #[test]
    fn the_names_are_read_whatever_the_code() {
        for message in [
            "Invalid access token, does not contain scopes:[a:read, b:read:c:admin].",
            r#"{"code":104,"message":"Invalid access token, does not contain scopes:[a:read,b:read:c:admin]."}"#,
            "does not contain scopes: [ a:read , b:read:c:admin, a:read ]",
        ] {
            assert_eq!(names(message), ["a:read", "b:read:c:admin"], "{message}");
        }
        assert_eq!(
            names("Invalid access token, does not contain scopes:[marketplace:write:app:master]."),
            ["marketplace:write:app:master"]
        );
    }

    #[test]
    fn other_messages_name_none() {
        for message in [
            "",
            "Invalid access token.",
            "does not contain scopes",
            "does not contain scopes:[]",
            "does not contain scopes:[a:read",
            "does not contain scopes:a:read",
            "does not contain scopes:[<script>]",
        ] {
            assert_eq!(named_as_missing(message), None, "{message}");
        }
        let flood = format!("does not contain scopes:[{}]", "a:b,".repeat(10_000));
        assert_eq!(names(&flood), ["a:b"]);
        assert_eq!(
            names("does not contain scopes:[a:b, x y, c:d]"),
            ["a:b", "c:d"]
        );
    }

    #[test]
    fn those_of_the_apps_level_are_advised() {
        let both = names("does not contain scopes:[user:read:user, user:read:user:admin]");
        assert_eq!(suitable(&both, Audience::User), ["user:read:user"]);
        assert_eq!(suitable(&both, Audience::Account), ["user:read:user:admin"]);
        let one = names("does not contain scopes:[user:read:user:admin]");
        assert_eq!(suitable(&one, Audience::User), one);
    }
}
