//! The receiver after a pass.

use super::*;
use crate::controller::integration::{
    model::{Receiver, Volumes},
    resources,
};

fn receiver_settled(
    available: i32,
    refused: Option<&str>,
    change: impl Fn(&mut Observed),
) -> Applied {
    let deployment = serde_json::from_value(json!({
        "metadata": {"name": "acme-receiver", "ownerReferences": [{
            "apiVersion": "v1", "kind": "ZoomIntegration", "name": "acme", "uid": "u1",
        }]},
        "spec": {"replicas": 1, "selector": {}, "template": {}},
        "status": {"availableReplicas": available},
    }));
    let plan = Plan {
        receiver: ReceiverStep::Apply,
        ..plan(TokenStep::Keep, CredentialsStep::Forget)
    };
    let outcome = Outcome {
        receiver: ReceiverOutcome {
            live: Receiver {
                deployment: deployment.unwrap(),
                ..Receiver::default()
            },
            refused: refused.map(Into::into),
            ..ReceiverOutcome::default()
        },
        ..outcome(TokenOutcome::Untouched, None)
    };
    let mut observed = observed();
    change(&mut observed);
    settle(
        &integration(Value::Null),
        &observed,
        &plan,
        &outcome,
        at(NOW),
    )
}

#[test]
fn a_receiver_that_takes_requests_stays_available_when_an_update_is_refused() {
    let applied = receiver_settled(1, Some("label cost-center is required"), |_| {});
    assert_eq!(applied.receiver.finding, ReceiverFinding::Available);
    assert_eq!(
        applied.receiver.refused.as_deref(),
        Some("label cost-center is required")
    );
    assert_eq!(applied.look_again, Some(at(NOW + 60)));
}

#[test]
fn a_receiver_that_takes_none_says_what_was_refused() {
    let applied = receiver_settled(0, Some("exceeded quota"), |_| {});
    let ReceiverFinding::NotApplied(message) = applied.receiver.finding else {
        panic!("{:?}", applied.receiver.finding);
    };
    assert!(message.contains("exceeded quota"), "{message}");
    assert_eq!(applied.receiver.refused, None);
}

#[test]
fn what_keeps_a_pod_from_running_is_said() {
    let message =
        |change: fn(&mut Observed)| match receiver_settled(0, None, change).receiver.finding {
            ReceiverFinding::Unavailable(message) => message,
            other => panic!("{other:?}"),
        };
    assert_eq!(
        message(|_| {}),
        "No Pod of Deployment acme-receiver is available yet."
    );
    let warned = message(|observed| observed.warning = Some("exceeded quota".into()));
    assert_eq!(
        warned,
        "No Pod of Deployment acme-receiver is available yet: exceeded quota."
    );
    let pulling = message(|observed| {
        observed.pods = vec![crate::controller::integration::model::ReceiverPod {
            kind: resources::Kind::Deployment,
            name: "p".into(),
            address: None,
            leaving: false,
            trouble: Some("Pod p: image x cannot be pulled".into()),
            facts: None,
        }];
    });
    assert!(
        pulling.ends_with(": Pod p: image x cannot be pulled."),
        "{pulling}"
    );
}

#[test]
fn a_volume_that_its_class_does_not_expand_is_named_with_the_way_out() {
    let set = json!({
        "metadata": {"name": "acme-receiver"},
        "spec": {"selector": {}, "template": {}, "volumeClaimTemplates": [{"metadata": {"name": "buffer"},
            "spec": {"resources": {"requests": {"storage": "1Gi"}}}}]},
    });
    let mut observed = observed();
    observed.receiver.stateful_set = Some(serde_json::from_value(set).unwrap());
    observed.volumes = Some(Volumes {
        size: k8s_openapi::apimachinery::pkg::api::resource::Quantity("2Gi".into()),
        claims: vec![crate::controller::integration::model::Claimed {
            name: "buffer-acme-receiver-0".into(),
            requested: None,
            capacity: None,
            trouble: None,
        }],
        unreadable: None,
    });
    let plan = plan(TokenStep::Keep, CredentialsStep::Forget);
    let mut outcome = outcome(TokenOutcome::Untouched, None);
    let settled = |outcome: &Outcome| {
        settle(
            &integration(json!(null)),
            &observed,
            &plan,
            outcome,
            at(NOW),
        )
    };
    // It grows: nothing is refused, and the claim is read again soon.
    let growing = settled(&outcome);
    assert_eq!(growing.refusals, []);
    assert!(growing.receiver.growing.is_some());
    assert_eq!(growing.look_again, Some(at(NOW + 15)));
    outcome.receiver.not_expanded = Some("the storageclass must support resize.".into());
    let refused = settled(&outcome);
    assert_eq!(refused.receiver.growing, None);
    assert_eq!(refused.look_again, Some(at(NOW + 300)));
    let message = &refused.refusals[0].message;
    assert_eq!(refused.refusals[0].reason, Reason::BufferImmutable);
    for part in [
        "cannot be expanded to 2Gi",
        "continues with 1Gi: the storageclass must support resize. If",
        "allowVolumeExpansion: true",
        "set webhook.buffer.size back to 1Gi",
    ] {
        assert!(message.contains(part), "{message}");
    }
}
