//! The links that people follow, as stored in the status.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use url::Url;

use contract::consent::Link;

/// The link in the status if it is still valid, otherwise a new one. Removing it from the status creates a
/// new one and invalidates the old one.
#[must_use]
pub fn keep_or_make(before: Option<&str>, pages: &Url, link: impl Fn(String) -> Link) -> String {
    let nonce = before
        .and_then(|before| before.rsplit('/').next())
        .filter(|nonce| nonce.len() == 22)
        .map(ToOwned::to_owned);
    if let Some(nonce) = nonce {
        let same = link(nonce).under(pages);
        if Some(same.as_str()) == before {
            return same;
        }
    }
    let nonce = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
    link(nonce).under(pages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::consent::Target;

    #[test]
    fn a_link_stays_until_the_pages_move() {
        let link = |nonce| Link {
            target: Target::Connection,
            namespace: "clinics".into(),
            name: "ada".into(),
            nonce,
        };
        let pages: Url = "https://connect.example.com".parse().unwrap();
        let first = keep_or_make(None, &pages, link);
        assert_eq!(keep_or_make(Some(&first), &pages, link), first);
        assert_ne!(keep_or_make(None, &pages, link), first);
        let moved: Url = "https://elsewhere.example.com".parse().unwrap();
        let second = keep_or_make(Some(&first), &moved, link);
        assert!(second.starts_with("https://elsewhere.example.com/connections/clinics/ada/"));
        assert_ne!(second.rsplit('/').next(), first.rsplit('/').next());
    }
}
