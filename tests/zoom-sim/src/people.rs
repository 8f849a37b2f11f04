//! The inhabitants of an account: always the same for the same account id.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::ident::{base64url, hex};

const NAMES: [(&str, &str); 5] = [
    ("Ada", "Lovelace"),
    ("Alan", "Turing"),
    ("Barbara", "Liskov"),
    ("Edsger", "Dijkstra"),
    ("Grace", "Hopper"),
];

/// Who a user is, as far as an authorization goes.
#[derive(Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub account_id: String,
    /// Owner or admin.
    pub is_admin: bool,
}

/// A user with an e-mail address of their own.
#[derive(Clone, PartialEq, Eq)]
pub struct Hired {
    pub email: String,
    pub is_admin: bool,
}

// === impl Person ===

impl Person {
    /// A person of an account, by id or email address.
    pub fn find(account_id: &str, hired: &[Hired], user_id: &str) -> Option<Self> {
        let user = find(account_id, hired, user_id)?;
        Some(Self {
            id: user["id"].as_str()?.to_owned(),
            email: user["email"].as_str()?.to_owned(),
            account_id: account_id.to_owned(),
            is_admin: user["role_id"] != "2",
        })
    }
}

/// The users of an account: its owner first, then an admin, then members, then those who came by an e-mail address of
/// their own.
pub fn users(account_id: &str, hired: &[Hired]) -> Vec<Value> {
    let usual = NAMES
        .iter()
        .enumerate()
        .map(|(index, (first, last))| user(account_id, index, first, last));
    let more = hired.iter().enumerate().map(|(index, hired)| {
        let name = hired.email.split('@').next().unwrap_or_default();
        let mut user = user(account_id, NAMES.len() + index, name, "Example");
        user["email"] = json!(hired.email);
        user["role_id"] = json!(if hired.is_admin { "1" } else { "2" });
        user
    });
    usual.chain(more).collect()
}

/// A user by id or email address.
pub fn find(account_id: &str, hired: &[Hired], user_id: &str) -> Option<Value> {
    users(account_id, hired)
        .into_iter()
        .find(|user| user["id"] == user_id || user["email"] == user_id)
}

/// A user as told to who asks for this one only.
pub fn in_full(account_id: &str, mut user: Value) -> Value {
    let role = match user["role_id"].as_str() {
        Some("0") => "Owner",
        Some("1") => "Admin",
        _ => "Member",
    };
    user["role_name"] = json!(role);
    user["account_id"] = json!(account_id);
    user
}

/// The meetings of a user.
pub fn meetings(user: &Value) -> Vec<Value> {
    let host = user["id"].as_str().unwrap_or_default();
    ["Weekly", "Planning"]
        .iter()
        .enumerate()
        .map(|(index, topic)| {
            let seed = seed(host, index);
            let id = 80_000_000_000
                + u64::from(u32::from_be_bytes([seed[0], seed[1], seed[2], seed[3]]));
            json!({
                "uuid": base64url(&seed[..16]),
                "id": id,
                "host_id": host,
                "topic": topic,
                "type": 2,
                "start_time": "2026-03-02T09:00:00Z",
                "duration": 30,
                "timezone": "UTC",
                "created_at": "2026-02-01T08:00:00Z",
                "join_url": format!("https://example.zoom.us/j/{id}"),
            })
        })
        .collect()
}

fn user(account_id: &str, index: usize, first: &str, last: &str) -> Value {
    let seed = seed(account_id, index);
    json!({
        "id": base64url(&seed[..16]),
        "first_name": first,
        "last_name": last,
        "display_name": format!("{first} {last}"),
        "email": format!("{}@{}.example.com", first.to_lowercase(), &hex(&seed[16..20])),
        "type": 2,
        "status": "active",
        "role_id": index.min(2).to_string(),
        "pmi": 5_000_000_000 + u64::from(u32::from_be_bytes([seed[20], seed[21], seed[22], seed[23]])),
        "timezone": "UTC",
        "verified": 1,
        "created_at": "2025-01-15T08:00:00Z",
    })
}

fn seed(owner: &str, index: usize) -> [u8; 32] {
    Sha256::digest(format!("{index}:{owner}")).into()
}
