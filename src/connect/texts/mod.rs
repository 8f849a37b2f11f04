//! All texts for people. A language is one value of [`Texts`]; a language that lacks a text does not compile.

mod en;
mod ja;
mod model;

pub use self::model::{Around, ErrorWords, Message, Result, Start, Texts};
use contract::Language;

/// The texts of a language.
#[must_use]
pub fn texts(language: Language) -> &'static Texts {
    match language {
        Language::English => &en::TEXTS,
        Language::Japanese => &ja::TEXTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::reason::{Reason, Topic},
        connect::scopes::Meaning,
    };

    #[test]
    fn every_reason_and_scope_has_its_own_words_in_every_language() {
        for language in Language::ALL {
            let texts = texts(language);
            let said = |reason: &Reason| (texts.result.reason)(*reason);
            let mut words: Vec<_> = Reason::ALL.iter().filter_map(said).collect();
            words.sort_unstable();
            words.dedup();
            assert_eq!(words.len(), 12, "{language:?}");
            let ends = |reason: &&Reason| reason.entry().topics.contains(&Topic::Consent);
            let wordless: Vec<_> = Reason::ALL
                .iter()
                .filter(ends)
                .filter(|reason| said(reason).is_none())
                .collect();
            assert_eq!(wordless, [&Reason::Connected], "{language:?}");
            let mut scopes: Vec<_> = [
                "meeting:read",
                "meeting:read:admin",
                "meeting:read:master",
                "meeting:write",
                "meeting:write:meeting",
                "meeting:update:meeting",
                "meeting:delete:meeting",
                "webinar:read:polls",
                "zoomapp:inmeeting",
                "imchat:bot",
                "x",
            ]
            .map(|scope| (texts.scope)(&Meaning::of(scope)))
            .to_vec();
            scopes.sort_unstable();
            scopes.dedup();
            assert_eq!(scopes.len(), 11, "{scopes:?}");
        }
        assert_eq!(
            (en::TEXTS.scope)(&Meaning::of("meeting:read")),
            "See meetings"
        );
    }
}
