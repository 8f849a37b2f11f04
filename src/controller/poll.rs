//! Asks the receivers for their facts, independently of the passes, and requests a pass only when the facts
//! changed. The requests go to the receivers' Pods, not to the API server.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use super::{
    Context,
    index::Guarded,
    integration::{self, ReceiverPod},
    key::Key,
};
use crate::api::v1alpha1::ZoomIntegration;

/// How often to check which receivers are due.
const TICK: Duration = Duration::from_secs(1);

/// How many receivers are asked at the same time: most of the time is spent waiting.
const AT_ONCE: usize = 32;

/// Asks each receiver when it is due. Never returns.
pub async fn receivers(context: Arc<Context>) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let due = context.reader.index().due_polls(Timestamp::now());
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |key| {
                let context = &context;
                async move {
                    let Some(pods) = ask(context, &key).await else {
                        return;
                    };
                    if context.reader.index().polled(&key, pods) {
                        context.requeue.routine(key);
                    }
                }
            })
            .await;
    }
}

async fn ask(context: &Context, key: &Key) -> Option<Vec<ReceiverPod>> {
    let object = context
        .reader
        .index()
        .get::<Guarded<ZoomIntegration>>(&key.namespace, &key.name)?;
    let integration = object.0.as_ref().ok()?;
    Some(integration::receiver_pods(context, integration).await)
}
