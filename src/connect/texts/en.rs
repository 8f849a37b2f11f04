//! English.

use super::model::{ErrorWords, Message, Result, Start, Texts};
use crate::api::reason::Reason;
use zoom::scopes::name::Level;

use crate::connect::scopes::{Action, Meaning, Thing};

pub(super) static TEXTS: Texts = Texts {
    site: "Zoom connections",
    name: "English",
    languages: "Language",
    again: "Start again",
    reload: "Try again",
    index: Message {
        title: "Zoom connections",
        lines: &[
            "On this site you allow an app of your organization to use your Zoom account.",
            "Please open the link that your administrator sent you. Without that link you cannot do anything here.",
        ],
    },
    unknown: Message {
        title: "This page does not exist",
        lines: &[
            "The link may be incomplete, or a newer one may have taken its place.",
            "Please check that you copied all of it, or ask your administrator for the current link.",
        ],
    },
    method: Message {
        title: "This action is not possible here",
        lines: &["This page can only be opened, not changed. Please open your link again."],
    },
    cross_site: Message {
        title: "Please begin on this site",
        lines: &[
            "The request came from another website, so nothing was done.",
            "Please open the link that your administrator sent you and continue from there.",
        ],
    },
    rate_limited: Message {
        title: "Too many requests",
        lines: &["Nothing is lost. Please wait a few seconds and try again."],
    },
    unavailable: Message {
        title: "Please try again in a moment",
        lines: &["The service cannot be reached right now. Nothing was changed."],
    },
    unavailable_callback: Message {
        title: "Please try again in a moment",
        lines: &[
            "Zoom has your permission, but we could not store it just now.",
            "Your permission stays valid for a few minutes. Please try again with the button below.",
        ],
    },
    not_ready: Message {
        title: "This app is not ready yet",
        lines: &[
            "The app cannot be connected at the moment, because it is paused or its setup is not complete.",
            "Please ask your administrator, and open the link again afterwards.",
        ],
    },
    full: Message {
        title: "No more connections can be made",
        lines: &[
            "The number of connections that this link allows has been reached.",
            "Please ask your administrator to raise the limit or to send you a link of your own.",
        ],
    },
    malformed: Message {
        title: "This link from Zoom cannot be used",
        lines: &[
            "The address does not look like one that Zoom sends, so nothing was stored.",
            "Please open the link that your administrator sent you and start again.",
        ],
    },
    not_carried: Message {
        title: "Please start again",
        lines: &[
            "This link was opened in another browser, or it has expired. Nothing was stored.",
            "Please open the link that your administrator sent you, and go through all steps in the same browser within ten minutes.",
        ],
    },
    other_integration: Message {
        title: "This link from Zoom belongs to another app",
        lines: &[
            "What Zoom sent back does not belong to the app that you started with, so nothing was stored.",
            "Please open the link that your administrator sent you and start again.",
        ],
    },
    declined: Message {
        title: "You declined",
        lines: &[
            "Nothing was stored and nothing was changed. If you allowed the app before, that still applies.",
            "If you change your mind, you can start again at any time.",
        ],
    },
    marketplace: Message {
        title: "One more step",
        lines: &[
            "You added the app in Zoom's App Marketplace. For your safety it is connected only when you start on this site, so that nobody can connect their account in your name. Nothing was stored.",
        ],
    },
    marketplace_here: "Start here to connect it. Zoom will ask you again.",
    marketplace_link: "Please open the link that your administrator sent you to connect it.",
    start: Start {
        title: |app| format!("Connect {app} with Zoom"),
        greeting: |name| format!("Hello {name},"),
        intro: |app| {
            format!(
                "{app} asks for permission to use Zoom for you. Please read what it may do before you continue."
            )
        },
        app: "App",
        tenant: "Used by",
        person: "For",
        scopes: "What the app may do",
        no_scopes: "Zoom will show you what the app may do.",
        next: "What happens next",
        steps: &[
            "You go to Zoom and sign in there. We never see your password.",
            "Zoom shows what the app may do. You allow it or decline.",
            "Zoom brings you back here, and you see whether it worked.",
        ],
        undo: "How to undo this",
        undo_how: "At any time: open the Zoom App Marketplace, choose Manage, then Added Apps, and remove the app.",
        connected: "This connection exists and works. You do not need to do anything.",
        connected_as: |mail| {
            format!("This connection exists and works, for {mail}. You do not need to do anything.")
        },
        go: "Continue to Zoom",
        go_again: "Authorize again",
    },
    result: Result {
        pending: Message {
            title: "Almost done",
            lines: &[
                "You allowed access. The connection is being set up; this page updates by itself.",
            ],
        },
        slow: Message {
            title: "This takes longer than usual",
            lines: &[
                "You allowed access, and nothing is lost. The connection is still being set up.",
                "You can keep this page open or close it. If it still does not work later, please ask your administrator.",
            ],
        },
        waiting: Message {
            title: "Please wait",
            lines: &[
                "You allowed access, and nothing is lost. Zoom or this service cannot complete the connection right now. We will try again automatically.",
                "You can close this page. Once the connection works, the page behind your link says so. You do not need to start again.",
            ],
        },
        slow_self_service: Message {
            title: "This takes longer than usual",
            lines: &[
                "You allowed access, but there is no connection for you yet.",
                "Please tell your administrator: a limit or a rule may prevent it.",
            ],
        },
        connected: Message {
            title: "Connected",
            lines: &["Everything is set up. You can close this window."],
        },
        belongs: |mail| format!("The connection belongs to {mail}."),
        failed: "The connection was not made",
        incomplete: "Connected, but permissions are missing",
        reason,
        reported: "The service reports:",
        gone: Message {
            title: "This connection no longer exists",
            lines: &[
                "It was removed in the meantime. Please ask your administrator for a new link.",
            ],
        },
        unknown: Message {
            title: "The result cannot be shown any more",
            lines: &[
                "This page was opened in another browser, or too late to show how it ended.",
                "Please open the link that your administrator sent you: it says whether the connection works.",
            ],
        },
    },
    error: ErrorWords {
        title: "Zoom reported a problem",
        named: |name| format!("Zoom reported the error \"{name}\". Nothing was stored."),
        later: "This is a problem at Zoom. Please try again in a few minutes.",
        administrator: "The settings of the app in Zoom must be corrected. Please send your administrator the error name above.",
    },
    scope,
    optional: "optional",
};

fn reason(reason: Reason) -> Option<&'static str> {
    Some(match reason {
        Reason::WrongSubject => {
            "The Zoom user who authorized is not the one this link is for. Sign out of Zoom, sign in as the right user, and start again."
        }
        Reason::SubjectAlreadyConnected => {
            "This Zoom user is connected already, by another connection. Please ask your administrator which one to use."
        }
        Reason::AccountAlreadyConnected => {
            "Your Zoom account is connected already, by another connection. Please ask your administrator which one to use."
        }
        Reason::ConsentOutdated => {
            "The app or the link changed after you began, so nothing was connected. Please start again."
        }
        Reason::ConsentUnreadable => {
            "Your authorization could not be read, so nothing was connected. Please start again."
        }
        Reason::CodeExpired => {
            "Your authorization expired before we could use it. Please start again; it takes about a minute."
        }
        Reason::CodeRejected => "Your authorization is no longer valid. Please start again.",
        Reason::SubjectUnverifiable => {
            "We could not confirm with Zoom who you are, so nothing was connected. Please confirm your email address in your Zoom profile, or ask your administrator to check the app's permissions."
        }
        Reason::CredentialsRejected => {
            "Zoom does not accept the app's own credentials. Your administrator must correct them; then start again."
        }
        Reason::DisabledByAdmin => {
            "An administrator of your Zoom account has switched this app off. Ask them to allow it, then start again."
        }
        Reason::AppDisabled => {
            "The app is switched off at Zoom. Your administrator must activate it; then start again."
        }
        Reason::MissingScopes => {
            "You are connected, but not all required permissions were granted. Start again and allow all of them, or ask your administrator."
        }
        _ => return None,
    })
}

fn scope(meaning: &Meaning) -> String {
    let verb = |action: &Action| match action {
        Action::See => "See",
        Action::Create => "Create",
        Action::Change => "Change",
        Action::Delete => "Delete",
        Action::Manage => "Create, change and delete",
    };
    let level = |level: &Level| match level {
        Level::User => "",
        Level::Admin => ", for everyone in your Zoom account",
        Level::Master => ", for everyone in your Zoom account and its sub-accounts",
    };
    match meaning {
        Meaning::Named(action, object, whose) => {
            format!("{} {}{}", verb(action), thing(*object), level(whose))
        }
        Meaning::Worded(action, object, product, whose) if product.is_empty() => {
            format!("{}: {object}{}", verb(action), level(whose))
        }
        Meaning::Worded(action, object, product, whose) => {
            format!("{}: {object} ({product}){}", verb(action), level(whose))
        }
        Meaning::InMeeting => "Run inside Zoom meetings".into(),
        Meaning::Bot => "Take part in chats as a bot".into(),
        Meaning::Opaque => "A permission that Zoom explains on its page".into(),
    }
}

fn thing(thing: Thing) -> &'static str {
    match thing {
        Thing::Meetings => "meetings",
        Thing::Participants => "participants of meetings",
        Thing::Registrants => "registrants of meetings",
        Thing::Summaries => "summaries of meetings",
        Thing::Webinars => "webinars",
        Thing::Profile => "user profiles",
        Thing::Settings => "user settings",
        Thing::MailAddress => "the email address",
        Thing::Recordings => "cloud recordings",
        Thing::Transcripts => "transcripts of recordings",
        Thing::Reports => "usage reports",
        Thing::ChatMessages => "chat messages",
        Thing::ChatChannels => "chat channels",
        Thing::Contacts => "contacts",
        Thing::Phone => "Zoom Phone data",
        Thing::Calendars => "calendars",
        Thing::Account => "account information",
        Thing::Groups => "groups",
        Thing::Roles => "roles",
        Thing::Rooms => "Zoom Rooms",
        Thing::Whiteboards => "whiteboards",
        Thing::Dashboard => "dashboard data",
    }
}
