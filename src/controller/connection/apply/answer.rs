//! What the API server answers to a write.

use crate::controller::{connection::model::Refused, error::Error};
use grant::StoreError;

/// Separates a refusal by the API server from a conflict or a missing answer.
pub fn refused<T>(written: Result<T, Error>) -> Result<Result<T, Refused>, Error> {
    match written {
        Ok(written) => Ok(Ok(written)),
        Err(Error::Kubernetes(kube::Error::Api(status))) => {
            tracing::warn!(status.message, "the API server refused a Secret");
            Ok(Err(Refused(status.message.clone())))
        }
        Err(Error::Store(StoreError::Refused(message))) => {
            tracing::warn!(message, "the API server refused the Secret of a grant");
            Ok(Err(Refused(message)))
        }
        Err(error) => Err(error),
    }
}
