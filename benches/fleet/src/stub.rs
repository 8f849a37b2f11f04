//! What answers for receivers whose Pods run nothing: their addresses lead to this machine.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::Context as _;
use axum::{Router, extract::State, routing::get};
use contract::{
    facts::{Facts, PATH, SecretRole},
    receiver::ports::FACTS,
};
use jiff::Timestamp;

/// Counts requests for facts; always gives the same.
#[derive(Clone)]
pub struct Stub {
    asked: Arc<AtomicU64>,
    facts: Arc<str>,
}

// === impl Stub ===

impl Stub {
    /// Answers on the facts port of every address until the process ends. Zoom has just validated each endpoint.
    pub async fn begin() -> anyhow::Result<Self> {
        let now = Timestamp::from_second(Timestamp::now().as_second())?;
        let mut facts = Facts::default();
        facts.last_validated = Some(now);
        facts.last_validated_secret = Some(SecretRole::Current);
        facts.last_verified = Some(now);
        facts.last_verified_secret = Some(SecretRole::Current);
        let stub = Self {
            asked: Arc::default(),
            facts: serde_json::to_string(&facts)?.into(),
        };
        let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, FACTS));
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .with_context(|| format!("failed to listen on {address}"))?;
        let router = Router::new()
            .route(PATH, get(answer))
            .with_state(stub.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(stub)
    }

    /// How often facts were asked for.
    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::Relaxed)
    }
}

async fn answer(State(stub): State<Stub>) -> String {
    stub.asked.fetch_add(1, Ordering::Relaxed);
    stub.facts.to_string()
}
