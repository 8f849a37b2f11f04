//! The boxes that the portal has: scopes and event types. Not all of Zoom's, but those that the integrations' manuals
//! name, with what belongs to them.

use super::form::Form;
use crate::settings::{Kind, Management};

/// Product and action; claims; whether a user-managed app has the box too. Each has one with `:admin`.
const GRANULAR: [(&str, &str, bool); 16] = [
    (
        "meeting:read",
        "invitation list_meetings list_past_instances list_past_participants list_poll_results list_polls \
         list_registrants list_registration_questions list_templates list_upcoming_meetings livestream meeting \
         participant past_meeting past_qa poll registrant survey token",
        true,
    ),
    (
        "meeting:write",
        "meeting batch_polls batch_registrants invite_links open_app poll registrant template",
        true,
    ),
    (
        "meeting:update",
        "meeting in_meeting_controls live_meeting_chat_message livestream livestream_status \
         participant_rtms_app_status poll registrant_status registration_question status survey",
        true,
    ),
    (
        "meeting:delete",
        "meeting live_meeting_chat_message open_app poll registrant survey",
        true,
    ),
    (
        "cloud_recording:read",
        "list_recording_files list_recording_registrants list_user_recordings meeting_transcript recording \
         recording_settings registration_questions",
        true,
    ),
    ("archiving:read", "archived_files", true),
    (
        "user:read",
        "collaboration_device email list_assistants list_collaboration_devices list_permissions list_schedulers \
         pm_room presence_status settings token user",
        true,
    ),
    ("user:read", "list_users summary", false),
    (
        "webinar:read",
        "list_absentees list_panelists list_past_participants list_polls list_registrants list_webinars poll \
         registrant survey token webinar",
        true,
    ),
    (
        "webinar:read",
        "branding list_past_instances list_past_polls list_registration_questions list_templates \
         list_tracking_sources livestream past_qa",
        false,
    ),
    (
        "group:read",
        "administrator group list_channels list_groups list_members lock_settings registration_settings settings",
        false,
    ),
    (
        "dashboard:read",
        "client_versions issues_zoomroom list_meetings_feedback list_zoomrooms meeting_feedback \
         meeting_quality_score meeting_survey",
        false,
    ),
    (
        "dashboard:read",
        "list_meeting_participants list_meeting_participants_qos list_meetings meeting meeting_participant_qos \
         meeting_sharing post_meeting_feedback",
        false,
    ),
    (
        "dashboard:read",
        "list_webinar_participants list_webinar_participants_qos list_webinars post_webinar_feedback webinar \
         webinar_participant_qos webinar_sharing",
        false,
    ),
    ("report:read", "user list_users", false),
    ("marketplace:read", "app_request", false),
];

/// Of older apps: resource and action; whether a user-managed app has the box too.
const CLASSIC: [(&str, bool); 12] = [
    ("meeting:read", true),
    ("meeting:write", true),
    ("recording:read", true),
    ("recording:write", true),
    ("user:read", true),
    ("user:write", true),
    ("webinar:read", true),
    ("webinar:write", true),
    ("group:read", false),
    ("dashboard_home:read", false),
    ("dashboard_meetings:read", false),
    ("dashboard_webinars:read", false),
];

/// Of no level.
const TWO_PARTS: [(&str, Option<Management>); 3] = [
    ("imchat:bot", Some(Management::Admin)),
    ("imchat:userapp", None),
    ("zoomapp:inmeeting", None),
];

/// Product and what can happen.
const EVENTS: [(&str, &str); 4] = [
    (
        "meeting",
        "started ended created updated deleted participant_joined participant_left alert",
    ),
    (
        "webinar",
        "started ended created updated deleted participant_joined participant_left",
    ),
    (
        "user",
        "created updated deleted activated deactivated disassociated invitation_accepted signed_in signed_out",
    ),
    (
        "recording",
        "started paused stopped completed trashed deleted recovered transcript_completed",
    ),
];

/// Why there is no such box on this app's page of scopes.
pub fn scope(name: &str, form: &Form) -> Result<(), String> {
    if form.classic {
        let (bare, level) = split(name);
        let known = CLASSIC.iter().find(|(known, _)| *known == bare);
        let (_, for_users) = known.ok_or_else(|| unknown(name))?;
        return of_level(name, level, *for_users, form);
    }
    if let Some((_, only)) = TWO_PARTS.iter().find(|(known, _)| *known == name) {
        let fits = form.kind == Kind::General && only.is_none_or(|only| only == form.management);
        return fits.then_some(()).ok_or_else(|| wrong_level(name, form));
    }
    let (bare, level) = split(name);
    let (family, claim) = bare.rsplit_once(':').ok_or_else(|| unknown(name))?;
    let known = GRANULAR
        .iter()
        .find(|(known, claims, _)| *known == family && claims.split(' ').any(|c| c == claim));
    let (_, _, for_users) = known.ok_or_else(|| unknown(name))?;
    of_level(name, level, *for_users, form)
}

/// Whether an event can be ticked.
pub fn is_event(name: &str) -> bool {
    name.split_once('.').is_some_and(|(product, what)| {
        EVENTS
            .iter()
            .any(|(known, all)| *known == product && all.split(' ').any(|known| known == what))
    })
}

fn split(name: &str) -> (&str, bool) {
    name.strip_suffix(":admin")
        .map_or((name, false), |bare| (bare, true))
}

fn of_level(name: &str, admin: bool, for_users: bool, form: &Form) -> Result<(), String> {
    let by_admin = form.kind == Kind::ServerToServer || form.management == Management::Admin;
    if !admin && !for_users {
        return Err(unknown(name));
    }
    if admin == by_admin {
        Ok(())
    } else {
        Err(wrong_level(name, form))
    }
}

fn unknown(name: &str) -> String {
    format!("there is no scope {name}")
}

fn wrong_level(name: &str, form: &Form) -> String {
    let app = match (form.kind, form.management) {
        (Kind::ServerToServer, _) => "a Server-to-Server OAuth app",
        (Kind::General, Management::Admin) => "an admin-managed app",
        (Kind::General, Management::User) => "a user-managed app",
        (Kind::WebhookOnly, _) => "a Webhook Only app",
    };
    format!("there is no scope {name} for {app}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(kind: Kind, management: Management, classic: bool) -> Form {
        Form {
            kind,
            management,
            classic,
            ..Form::new("app")
        }
    }

    #[test]
    fn a_scope_has_the_level_of_its_app() {
        let user = form(Kind::General, Management::User, false);
        let admin = form(Kind::General, Management::Admin, false);
        let account = form(Kind::ServerToServer, Management::User, false);
        for (name, fits) in [
            ("meeting:read:meeting", [true, false, false]),
            ("meeting:read:meeting:admin", [false, true, true]),
            ("dashboard:read:meeting", [false, false, false]),
            ("dashboard:read:meeting:admin", [false, true, true]),
            ("meeting:read:meetings", [false, false, false]),
            ("meeting:read", [false, false, false]),
            ("imchat:bot", [false, true, false]),
            ("zoomapp:inmeeting", [true, true, false]),
            ("", [false, false, false]),
        ] {
            let found = [&user, &admin, &account].map(|form| scope(name, form).is_ok());
            assert_eq!(found, fits, "{name}");
        }
    }

    #[test]
    fn an_older_app_has_classic_scopes_only() {
        let user = form(Kind::General, Management::User, true);
        let admin = form(Kind::General, Management::Admin, true);
        for (name, fits) in [
            ("meeting:read", [true, false]),
            ("meeting:read:admin", [false, true]),
            ("group:read", [false, false]),
            ("group:read:admin", [false, true]),
            ("meeting:read:meeting", [false, false]),
        ] {
            let found = [&user, &admin].map(|form| scope(name, form).is_ok());
            assert_eq!(found, fits, "{name}");
        }
    }

    #[test]
    fn events_are_known_by_their_whole_name() {
        for (name, known) in [
            ("meeting.ended", true),
            ("user.updated", true),
            ("meeting.end", false),
            ("meeting", false),
            ("recording.ended", false),
        ] {
            assert_eq!(is_event(name), known, "{name}");
        }
    }
}
