//! What a scope allows, in words for people.

use zoom::scopes::name::{Level, Parts};

/// What a scope allows to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read it.
    See,
    /// Create one.
    Create,
    /// Change one.
    Change,
    /// Delete it.
    Delete,
    /// Everything except reading: `write` in the classic scopes.
    Manage,
}

/// A thing with a name in every language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// Meetings.
    Meetings,
    /// People who attended meetings.
    Participants,
    /// People who registered for meetings.
    Registrants,
    /// Summaries of meetings.
    Summaries,
    /// Webinars.
    Webinars,
    /// The profile of users.
    Profile,
    /// Settings of users.
    Settings,
    /// Mail addresses of users.
    MailAddress,
    /// Cloud recordings.
    Recordings,
    /// Transcripts of recordings.
    Transcripts,
    /// Reports.
    Reports,
    /// Chat messages.
    ChatMessages,
    /// Chat channels.
    ChatChannels,
    /// Contacts.
    Contacts,
    /// Zoom Phone.
    Phone,
    /// Calendars.
    Calendars,
    /// The account.
    Account,
    /// Groups.
    Groups,
    /// Roles.
    Roles,
    /// Zoom Rooms.
    Rooms,
    /// Whiteboards.
    Whiteboards,
    /// The dashboard.
    Dashboard,
}

/// What a scope allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// An action on a thing with a name.
    Named(Action, Thing, Level),
    /// An action on a thing that is known only by the scope's words: thing and product.
    Worded(Action, String, String, Level),
    /// Run inside the Zoom client.
    InMeeting,
    /// Take part in chats as a bot.
    Bot,
    /// Nothing but the name is known.
    Opaque,
}

// === impl Meaning ===

impl Meaning {
    /// The meaning of a scope.
    #[must_use]
    pub fn of(scope: &str) -> Self {
        match scope {
            "zoomapp:inmeeting" => return Self::InMeeting,
            "imchat:bot" => return Self::Bot,
            _ => {}
        }
        let Some(parts) = Parts::of(scope) else {
            return Self::Opaque;
        };
        let level = parts.level;
        let Some(claim) = parts.claim else {
            let action = match parts.action {
                "read" => Action::See,
                "write" => Action::Manage,
                _ => return Self::Opaque,
            };
            return match classic(parts.product) {
                Some(thing) => Self::Named(action, thing, level),
                None => Self::Worded(action, words(parts.product), String::new(), level),
            };
        };
        let action = match parts.action {
            "read" => Action::See,
            "write" => Action::Create,
            "update" | "patch" | "udpate" => Action::Change,
            "delete" => Action::Delete,
            _ => return Self::Opaque,
        };
        match granular(parts.product, claim) {
            Some(thing) => Self::Named(action, thing, level),
            None => Self::Worded(action, words(claim), words(parts.product), level),
        }
    }
}

fn words(part: &str) -> String {
    part.strip_prefix("list_").unwrap_or(part).replace('_', " ")
}

fn classic(resource: &str) -> Option<Thing> {
    Some(match resource {
        "meeting" => Thing::Meetings,
        "webinar" => Thing::Webinars,
        "user" | "user_profile" => Thing::Profile,
        "user_info" => Thing::MailAddress,
        "recording" | "cloud_recording" => Thing::Recordings,
        "report" => Thing::Reports,
        "chat_message" => Thing::ChatMessages,
        "chat_channel" => Thing::ChatChannels,
        "chat_contact" | "contact" => Thing::Contacts,
        "phone" => Thing::Phone,
        "calendar" => Thing::Calendars,
        "account" => Thing::Account,
        "group" => Thing::Groups,
        "role" => Thing::Roles,
        "room" => Thing::Rooms,
        "whiteboard" => Thing::Whiteboards,
        "dashboard" | "dashboard_meetings" => Thing::Dashboard,
        _ => return None,
    })
}

fn granular(product: &str, claim: &str) -> Option<Thing> {
    Some(match (product, claim) {
        ("meeting", "meeting" | "list_meetings" | "past_meeting" | "list_past_instances") => {
            Thing::Meetings
        }
        (
            "meeting",
            "participant" | "list_participants" | "list_past_participants" | "past_participant",
        ) => Thing::Participants,
        ("meeting", "registrant" | "list_registrants") => Thing::Registrants,
        ("meeting", "summary" | "list_summaries") => Thing::Summaries,
        ("webinar", "webinar" | "list_webinars" | "past_webinar") => Thing::Webinars,
        ("user", "user" | "list_users" | "profile" | "profile_picture") => Thing::Profile,
        ("user", "settings") => Thing::Settings,
        ("user", "email") => Thing::MailAddress,
        (
            "cloud_recording",
            "recording"
            | "list_user_recordings"
            | "list_recording_files"
            | "list_account_recordings",
        ) => Thing::Recordings,
        ("cloud_recording", "meeting_transcript") => Thing::Transcripts,
        ("team_chat", "user_message" | "list_user_messages" | "message") => Thing::ChatMessages,
        ("team_chat", "channel" | "list_user_channels" | "user_channel") => Thing::ChatChannels,
        ("contact", _) | ("team_chat", "contact" | "list_contacts") => Thing::Contacts,
        ("account", "account" | "info") => Thing::Account,
        ("group", "group" | "list_groups") => Thing::Groups,
        ("role", "role" | "list_roles") => Thing::Roles,
        ("zoom_rooms", "room" | "list_rooms") => Thing::Rooms,
        ("whiteboard", "whiteboard" | "list_whiteboards") => Thing::Whiteboards,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_by_their_grammar() {
        let named = |action, thing, level| Meaning::Named(action, thing, level);
        for (scope, wanted) in [
            (
                "meeting:read",
                named(Action::See, Thing::Meetings, Level::User),
            ),
            (
                "meeting:write:admin",
                named(Action::Manage, Thing::Meetings, Level::Admin),
            ),
            (
                "meeting:write:meeting",
                named(Action::Create, Thing::Meetings, Level::User),
            ),
            (
                "user:read:list_users:master",
                named(Action::See, Thing::Profile, Level::Master),
            ),
            (
                "meeting:update:list_open_polls",
                Meaning::Worded(
                    Action::Change,
                    "open polls".into(),
                    "meeting".into(),
                    Level::User,
                ),
            ),
            ("imchat:bot", Meaning::Bot),
            ("scim2:admin", Meaning::Opaque),
            ("", Meaning::Opaque),
        ] {
            assert_eq!(Meaning::of(scope), wanted, "{scope}");
        }
    }
}
