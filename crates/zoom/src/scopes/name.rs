//! A scope's name: its style and its level.
//!
//! Granular: `product:action:claim[:admin|:master]`. Classic: `resource:read|write[:admin|:master]`,
//! with exceptions of every length. Counting colons does not tell one from the other, so the style is
//! found by grammar and by the names of the exceptions, and the level by substring. A name of a known
//! form need not exist: only Zoom can say that.

/// Which of Zoom's two lists a name belongs to, by its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Style {
    /// The older list: few scopes that allow much.
    Classic,
    /// The newer list: one scope for each thing that is done. New apps have these only.
    Granular,
    /// The name stands in both lists.
    Both,
    /// Neither form.
    Unknown,
}

/// Whose data a scope reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Those of the person who authorized: no suffix.
    User,
    /// Those of the account: `:admin`.
    Admin,
    /// Those of sub-accounts too: `:master`.
    Master,
}

/// What a name is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts<'a> {
    /// Of what: a product, or the resource of a classic name.
    pub product: &'a str,
    /// What is done, such as `read`.
    pub action: &'a str,
    /// To which thing of the product. Most classic names have none.
    pub claim: Option<&'a str>,
    /// Whose data.
    pub level: Level,
}

/// Who authorizes an app, which decides the level of its scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Each user for themselves: a user-managed General app.
    User,
    /// An administrator for the account: an admin-managed General app, and every Server-to-Server app.
    Account,
}

/// Granular, and outside of the grammar. The third one is a spelling mistake in Zoom's list.
const GRANULAR_BY_NAME: [&str; 5] = [
    "zoomapp:inmeeting",
    "imchat:bot",
    "imchat:userapp",
    "contact_center:udpate:region:admin",
    "scim2:admin",
];
/// Classic, although the grammar takes them for granular.
const CLASSIC_BY_NAME: [&str; 3] = [
    "chat_channel:read:member",
    "zva:read:km_kbs",
    "zva:write:km_kbs",
];
/// In both lists.
const IN_BOTH: [&str; 2] = ["meeting:write:sip_dialing", "webinar:write:sip_dialing"];
/// What a granular scope can allow.
const ACTIONS: [&str; 5] = ["read", "write", "update", "delete", "patch"];
/// What Zoom grants by itself and refuses in a form or manifest.
const APP_OWNED: [&str; 6] = [
    "marketplace:write:event_subscription",
    "marketplace:update:event_subscription",
    "marketplace:delete:event_subscription",
    "marketplace:read:list_event_subscriptions",
    "marketplace:write:websocket_connection",
    "marketplace:update:client_secret",
];

// === impl Style ===

impl Style {
    /// The style of a name.
    #[must_use]
    pub fn of(scope: &str) -> Self {
        if GRANULAR_BY_NAME.contains(&scope) {
            return Self::Granular;
        }
        if CLASSIC_BY_NAME.contains(&scope) {
            return Self::Classic;
        }
        if IN_BOTH.contains(&scope) {
            return Self::Both;
        }
        let parts: Vec<&str> = scope.split(':').collect();
        let starts_well = scope.starts_with(|c: char| c.is_ascii_lowercase());
        if !starts_well || !parts.iter().all(|part| is_word(part)) {
            return Self::Unknown;
        }
        match parts[..] {
            [_, action, claim] if ACTIONS.contains(&action) && !is_level(claim) => Self::Granular,
            [_, action, claim, level]
                if ACTIONS.contains(&action) && !is_level(claim) && is_level(level) =>
            {
                Self::Granular
            }
            [_] | [_, "read" | "write" | "master"] => Self::Classic,
            [_, "read" | "write", level] if is_level(level) => Self::Classic,
            [_, "read" | "write", level, _] if is_level(level) => Self::Classic,
            _ => Self::Unknown,
        }
    }
}

// === impl Level ===

impl Level {
    /// The level of a name, found by substring: four-part names carry it in the middle.
    #[must_use]
    pub fn of(scope: &str) -> Self {
        let closed = format!("{scope}:");
        if closed.contains(":master:") {
            Self::Master
        } else if closed.contains(":admin:") {
            Self::Admin
        } else {
            Self::User
        }
    }

    /// What a name of this level carries.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::User => "",
            Self::Admin => ":admin",
            Self::Master => ":master",
        }
    }
}

// === impl Parts ===

impl<'a> Parts<'a> {
    /// The parts of a name that says what is done to what; `None` for one that does not, such as `scim2:admin`.
    #[must_use]
    pub fn of(scope: &'a str) -> Option<Self> {
        if Style::of(scope) == Style::Unknown {
            return None;
        }
        let level = Level::of(scope);
        let mut parts = scope.split(':').filter(|part| !is_level(part));
        let (product, action) = (parts.next()?, parts.next()?);
        let claim = parts.next();
        Some(Self {
            product,
            action,
            claim,
            level,
        })
    }
}

// === impl Audience ===

impl Audience {
    /// Whether a scope's level suits an app of this audience; the rule that the resource's definition
    /// has too. Two-part names such as `imchat:bot` and the Marketplace's own carry no level.
    #[must_use]
    pub fn takes(self, scope: &str) -> bool {
        match self {
            Self::User => Level::of(scope) == Level::User && scope != "imchat:bot",
            Self::Account => Level::of(scope) != Level::User || !carries_level(scope),
        }
    }

    /// The level that its scopes have as a rule.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::User => Level::User,
            Self::Account => Level::Admin,
        }
    }
}

/// Whether Zoom gives a scope by itself, so that it must not be asked for.
#[must_use]
pub fn is_app_owned(scope: &str) -> bool {
    APP_OWNED.contains(&scope)
}

/// Whether the form of a name has a place for a level.
fn carries_level(scope: &str) -> bool {
    let mut parts = scope.split(':');
    let (product, second, third) = (parts.next(), parts.next(), parts.next());
    product != Some("marketplace") && (third.is_some() || matches!(second, Some("read" | "write")))
}

fn is_level(part: &str) -> bool {
    matches!(part, "admin" | "master")
}

fn is_word(part: &str) -> bool {
    !part.is_empty()
        && part
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_is_found_by_form_and_by_the_known_exceptions() {
        for (scope, wanted) in [
            ("meeting:read:meeting", Style::Granular),
            ("meeting:read:meeting:admin", Style::Granular),
            ("phone:patch:thing:master", Style::Granular),
            ("contact_center:udpate:region:admin", Style::Granular),
            ("zoomapp:inmeeting", Style::Granular),
            ("imchat:bot", Style::Granular),
            ("imchat:userapp", Style::Granular),
            ("scim2:admin", Style::Granular),
            ("meeting:read", Style::Classic),
            ("meeting:read:admin", Style::Classic),
            ("user:read:master", Style::Classic),
            ("account:master", Style::Classic),
            ("meeting:write:admin:sip_dialing", Style::Classic),
            ("meeting_token:read:admin:live_streaming", Style::Classic),
            ("user_profile", Style::Classic),
            ("scim2", Style::Classic),
            ("chat_channel:read:member", Style::Classic),
            ("zva:read:km_kbs", Style::Classic),
            ("meeting:write:sip_dialing", Style::Both),
            ("webinar:write:sip_dialing", Style::Both),
            ("meeting:grab:meeting", Style::Unknown),
            ("meeting:read:meeting:owner", Style::Unknown),
            ("meeting:read:meeting:user", Style::Unknown),
            ("meeting:manage", Style::Unknown),
            ("Meeting:read", Style::Unknown),
            ("meeting::read", Style::Unknown),
            ("9meeting:read", Style::Unknown),
            ("View your meetings", Style::Unknown),
            ("", Style::Unknown),
        ] {
            assert_eq!(Style::of(scope), wanted, "{scope}");
        }
    }

    #[test]
    fn the_level_is_found_wherever_it_stands() {
        for (scope, wanted) in [
            ("meeting:read", Level::User),
            ("meeting:read:meeting", Level::User),
            ("meeting:read:admin", Level::Admin),
            ("meeting:read:meeting:admin", Level::Admin),
            ("meeting:write:admin:sip_dialing", Level::Admin),
            ("account:master", Level::Master),
            ("meeting:read:meeting:master", Level::Master),
            ("group:read:administrator", Level::User),
        ] {
            assert_eq!(Level::of(scope), wanted, "{scope}");
        }
    }

    #[test]
    fn a_name_is_taken_apart() {
        let of = |scope| Parts::of(scope).map(|it| (it.product, it.action, it.claim, it.level));
        for (scope, wanted) in [
            ("meeting:read", Some(("meeting", "read", None, Level::User))),
            (
                "meeting:read:meeting:admin",
                Some(("meeting", "read", Some("meeting"), Level::Admin)),
            ),
            (
                "meeting:write:admin:sip_dialing",
                Some(("meeting", "write", Some("sip_dialing"), Level::Admin)),
            ),
            (
                "contact_center:udpate:region:admin",
                Some(("contact_center", "udpate", Some("region"), Level::Admin)),
            ),
            ("scim2:admin", None),
            ("user_profile", None),
            ("meeting:grab:meeting", None),
            ("", None),
        ] {
            assert_eq!(of(scope), wanted, "{scope}");
        }
    }

    #[test]
    fn an_audience_takes_scopes_of_its_level_and_those_without() {
        for (scope, user, account) in [
            ("meeting:read", true, false),
            ("meeting:read:meeting", true, false),
            ("meeting:read:meeting:admin", false, true),
            ("meeting:read:meeting:master", false, true),
            ("meeting:write:admin:sip_dialing", false, true),
            ("group:read:administrator", true, false),
            ("imchat:bot", false, true),
            ("zoomapp:inmeeting", true, true),
            ("scim2", true, true),
            ("marketplace:read:app", true, true),
        ] {
            assert_eq!(Audience::User.takes(scope), user, "{scope}");
            assert_eq!(Audience::Account.takes(scope), account, "{scope}");
        }
    }

    #[test]
    fn what_zoom_gives_by_itself_is_known() {
        assert!(is_app_owned("marketplace:update:client_secret"));
        assert!(!is_app_owned("marketplace:read:app"));
    }
}
