//! The status of an app with a bot.

use super::*;

/// Zoom has nothing to validate for a bot, and nobody waits for it.
#[test]
fn a_bots_endpoint_is_not_called_validated_nor_awaited() {
    let with = |events: &[&str], last_verified: Option<&str>| {
        let mut integration = integration();
        integration.spec.app = serde_json::from_value(json!({
            "kind": "General", "management": "Admin", "chatbot": {},
        }))
        .unwrap();
        let webhook = integration.spec.webhook.as_mut().unwrap();
        webhook.subscriptions[0].events = events.iter().map(|&event| event.to_owned()).collect();
        webhook.subscriptions.truncate(1);
        integration.status = Some(
            serde_json::from_value(json!({"webhook": {
                "url": "https://hooks.example.com/zoom", "lastVerified": last_verified,
            }}))
            .unwrap(),
        );
        let status = say(&integration, vec![], vec![]);
        message(&status, Type::EndpointValidated).to_owned()
    };
    let bot = ["bot_notification", "bot_installed"];
    let waiting = with(&bot, None);
    assert!(
        waiting.contains("does not validate") && waiting.contains("as bot endpoint URL"),
        "{waiting}"
    );
    let arrived = with(&bot, Some("1970-01-01T00:01:30Z"));
    assert!(
        arrived.contains("arrived at 1970-01-01T00:01:30Z"),
        "{arrived}"
    );
    let both = with(&["bot_notification", "meeting.ended"], None);
    assert!(both.contains("press Validate"), "{both}");
}

/// The app no longer has a bot. Until its token's Secret is removed, the status remembers it.
#[test]
fn the_secret_of_a_former_bot_is_remembered_until_it_is_gone() {
    let mut integration = integration();
    integration.spec.app = serde_json::from_value(json!({"kind": "General"})).unwrap();
    let said = |has_old_token_secret| {
        let applied = Applied {
            has_old_token_secret,
            ..applied(TokenSecret::Absent)
        };
        let token = say_applied(&integration, &applied).token;
        token.and_then(|token| token.secret_name)
    };
    assert_eq!(said(true).as_deref(), Some("acme-zoom-token"));
    assert_eq!(said(false), None);
}
