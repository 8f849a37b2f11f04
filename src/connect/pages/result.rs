//! The result page: waits, and then says how the consent ended.

use maud::html;

use super::{Frame, Next, masked, paragraphs};
use crate::{api::reason::Reason, connect::verdict::ConsentResult};

/// Time between two reloads, in seconds.
const REFRESH: u32 = 2;
/// The same if it takes longer than usual.
const REFRESH_SLOW: u32 = 5;

/// The page. `next` is what the person can do after a failure.
#[must_use]
pub fn page(
    mut frame: Frame<'_>,
    verdict: &ConsentResult,
    self_service: bool,
    next: &Next,
) -> String {
    let words = &frame.texts().result;
    match verdict {
        ConsentResult::Pending { slow } => {
            frame.refresh = Some(if *slow { REFRESH_SLOW } else { REFRESH });
            let message = match (slow, self_service) {
                (false, _) => &words.pending,
                (true, false) => &words.slow,
                (true, true) => &words.slow_self_service,
            };
            let contents = html! { div role="status" { (paragraphs(message)) } };
            frame.page(message.title, &contents, &Next::Nothing)
        }
        ConsentResult::Waiting => {
            frame.refresh = Some(REFRESH_SLOW);
            let contents = html! { div role="status" { (paragraphs(&words.waiting)) } };
            frame.page(words.waiting.title, &contents, &Next::Nothing)
        }
        ConsentResult::Connected(mail) => {
            let contents = html! {
                @if let Some(mail) = mail { p { ((words.belongs)(&masked(mail))) } }
                (paragraphs(&words.connected))
            };
            frame.page(words.connected.title, &contents, &Next::Nothing)
        }
        ConsentResult::Failed { reason, message } => {
            let contents = html! {
                @match (words.reason)(*reason) {
                    Some(text) => p { (text) },
                    None => { p { (words.reported) } p.note { (message) } }
                }
            };
            // The grant is kept and used.
            let title = match reason {
                Reason::MissingScopes => words.incomplete,
                _ => words.failed,
            };
            frame.page(title, &contents, next)
        }
        ConsentResult::Gone => frame.message(&words.gone, &Next::Nothing),
    }
}
