//! Authorization codes: what they stand for, and their one redemption.

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{
    apps::{Apps, Issued},
    errors::Denied,
    exchanges::{ExchangeId, Sent},
    ident::base64url,
    people::Person,
    settings::Management,
};

/// The shortest and the longest challenge or verifier (RFC 7636).
const PROOF_LENGTH: std::ops::RangeInclusive<usize> = 43..=128;

/// How a client will prove that the code is its own.
#[derive(Clone)]
pub enum Challenge {
    Plain(String),
    S256(String),
}

/// A user's consent on its way to the token endpoint.
pub struct Code {
    pub client_id: String,
    pub person: Person,
    pub sent: Sent,
    redirect_uri: String,
    challenge: Option<Challenge>,
    scopes: Vec<String>,
    management: Management,
    expires_at: i64,
}

/// What a client sends along with a code.
pub struct Proof<'a> {
    pub redirect_uri: Option<&'a str>,
    pub code_verifier: Option<&'a str>,
}

// === impl Challenge ===

impl Challenge {
    /// Reads what stands in the authorization request; without a method it is plain.
    pub fn parse(challenge: &str, method: Option<&str>) -> Result<Self, &'static str> {
        if !is_proof(challenge) {
            return Err("Invalid code challenge");
        }
        match method {
            None | Some("plain") => Ok(Self::Plain(challenge.to_owned())),
            Some("S256") if challenge.len() == 43 => Ok(Self::S256(challenge.to_owned())),
            Some("S256") => Err("Invalid code challenge"),
            Some(_) => Err("Invalid code challenge method"),
        }
    }

    fn is_met_by(&self, verifier: &str) -> bool {
        is_proof(verifier)
            && match self {
                Self::Plain(challenge) => challenge == verifier,
                Self::S256(challenge) => *challenge == base64url(&Sha256::digest(verifier)),
            }
    }
}

// === impl Apps ===

impl Apps {
    /// A code for what the app is set up for now. None if there is no such app.
    pub fn issue_code(
        &self,
        client_id: &str,
        person: Person,
        redirect_uri: String,
        challenge: Option<Challenge>,
        now: Timestamp,
    ) -> Option<String> {
        let mut inner = self.lock();
        let settings = &inner.apps.get(client_id)?.settings;
        let code = Code {
            client_id: client_id.to_owned(),
            person,
            sent: Sent::default(),
            redirect_uri,
            challenge,
            scopes: settings.scopes.clone(),
            management: settings.management,
            expires_at: now.as_second() + i64::from(settings.code_lifetime_seconds),
        };
        let text = base64url(&rand::random::<[u8; 32]>());
        inner.codes.insert(text.clone(), code);
        Some(text)
    }

    /// Redeems a code, which invalidates earlier grants of the user. An attempt with the wrong proof spends it as well.
    pub fn redeem(
        &self,
        client_id: &str,
        code: &str,
        proof: &Proof<'_>,
        exchange: ExchangeId,
        now: Timestamp,
    ) -> Result<Issued, Denied> {
        let mut inner = self.lock();
        let known = inner
            .codes
            .get_mut(code)
            .filter(|code| code.client_id == client_id && !code.sent.is_spent())
            .ok_or(Denied::CodeRefused)?;
        if known.expires_at <= now.as_second() {
            return Err(Denied::CodeRefused);
        }
        if proof.redirect_uri != Some(known.redirect_uri.as_str()) {
            inner.codes.remove(code);
            return Err(Denied::Numeric(4709));
        }
        let is_proven = match (&known.challenge, proof.code_verifier) {
            (None, None) => true,
            (Some(challenge), Some(verifier)) => challenge.is_met_by(verifier),
            _ => false,
        };
        if !is_proven {
            inner.codes.remove(code);
            return Err(Denied::CodeRefused);
        }
        let person = known.person.clone();
        let (scopes, management) = (known.scopes.clone(), known.management);
        if inner.is_deactivated(&person) {
            return Err(Denied::Numeric(4735));
        }
        if inner.policy(&person.account_id, client_id).disabled {
            return Err(Denied::Numeric(4738));
        }
        if let Some(code) = inner.codes.get_mut(code) {
            code.sent.spend(exchange);
        }
        inner.count_issued(client_id);
        if let Some(app) = inner.apps.get_mut(client_id) {
            app.traffic.counters.codes.codes_redeemed += 1;
        }
        let (_, issued) = inner
            .authorize(client_id, &person, scopes, management, now)
            .ok_or(Denied::CodeRefused)?;
        Ok(issued)
    }
}

fn is_proof(text: &str) -> bool {
    PROOF_LENGTH.contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
