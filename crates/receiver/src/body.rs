//! Reading a body: bounded for one request, and bounded for all of them together.

use std::{sync::Arc, time::Duration};

use axum::body::{Body, Bytes, HttpBody as _};
use http_body_util::BodyExt as _;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};

/// What a request takes beside its body: it is charged, or small bodies would be free.
pub const OVERHEAD: usize = 2048;
/// Most bytes that are read and dropped from a body that was answered without reading it.
const LINGER_BYTES: usize = 8 * 1024 * 1024;
/// How long that may take.
const LINGER: Duration = Duration::from_secs(2);

/// The bytes that all requests may hold in memory, [`OVERHEAD`] for each of them included, however many connections there are.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Semaphore>);

/// A whole body. Returns its share of the budget when dropped.
#[derive(Debug)]
pub struct Raw {
    /// The bytes as they came.
    pub bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Larger than one may be.
    #[error("body too large")]
    TooLarge,
    /// All requests together hold too much.
    #[error("no memory for the body")]
    NoBudget,
    /// The client paused for too long.
    #[error("body too slow")]
    Slow,
    /// The client closed the connection, or its framing is wrong.
    #[error("body incomplete")]
    Incomplete,
}

// === impl Budget ===

impl Budget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self(Arc::new(Semaphore::new(bytes.min(Semaphore::MAX_PERMITS))))
    }

    /// Reads a body of at most `limit` bytes. One that declares more is rejected unread; a chunked
    /// one as soon as it goes over. No pause may be longer than `idle`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read(
        &self,
        mut body: Body,
        limit: usize,
        idle: Option<Duration>,
    ) -> Result<Raw, ReadError> {
        let result = self.collect(&mut body, limit, idle).await;
        if matches!(result, Err(ReadError::TooLarge | ReadError::NoBudget)) {
            discard(body);
        }
        result
    }

    async fn collect(
        &self,
        body: &mut Body,
        limit: usize,
        idle: Option<Duration>,
    ) -> Result<Raw, ReadError> {
        if body.size_hint().lower() > limit as u64 {
            return Err(ReadError::TooLarge);
        }
        let declared = usize::try_from(body.size_hint().lower()).unwrap_or(0);
        let mut bytes = Vec::new();
        let mut share = self.take(OVERHEAD)?;
        let idle = idle.unwrap_or(Duration::MAX);
        while let Some(frame) = time::timeout(idle, body.frame())
            .await
            .map_err(|_| ReadError::Slow)?
        {
            let Ok(data) = frame.map_err(|_| ReadError::Incomplete)?.into_data() else {
                continue; // Trailers say nothing to us.
            };
            if bytes.len() + data.len() > limit {
                return Err(ReadError::TooLarge);
            }
            share.merge(self.take(data.len())?);
            if bytes.is_empty() {
                // Only now: who declares a body and sends none gets no memory.
                bytes.reserve_exact(declared.max(data.len()));
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Raw {
            bytes: bytes.into(),
            _share: share,
        })
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, ReadError> {
        let bytes = u32::try_from(bytes).map_err(|_| ReadError::TooLarge)?;
        let taken = Arc::clone(&self.0).try_acquire_many_owned(bytes);
        taken.map_err(|_| ReadError::NoBudget)
    }
}

/// Lets the client finish sending a body that is not read. Closing a connection with unread bytes resets it,
/// and the reset can overtake the answer: Zoom would see a broken connection instead of a refusal.
pub fn discard(mut body: Body) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(time::timeout(LINGER, async move {
        let mut left = LINGER_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop")]

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn the_budget_is_shared_and_given_back() {
        let budget = Budget::new(2 * OVERHEAD + 10);
        let first = budget.read(Body::from("123456"), 8, None).await.unwrap();
        assert_eq!(&first.bytes[..], b"123456");
        let refused = budget.read(Body::from("12345"), 8, None).await.unwrap_err();
        assert_eq!(refused, ReadError::NoBudget);
        drop(first);
        assert!(budget.read(Body::from("12345"), 8, None).await.is_ok());
        let refused = budget
            .read(Body::from("123456789"), 8, None)
            .await
            .unwrap_err();
        assert_eq!(refused, ReadError::TooLarge);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn small_and_empty_bodies_are_not_free() {
        for body in ["", "{}"] {
            let budget = Budget::new(1 << 20);
            let mut held = Vec::new();
            while let Ok(raw) = budget.read(Body::from(body), 8, None).await {
                held.push(raw);
                assert!(held.len() <= 512, "{body:?}");
            }
        }
    }
}
