//! Which failures are the server's as a whole.

use crate::Error;

/// Whether nothing more can be read: nobody answers, only a proxy does in Synapse's place, or the token is refused.
///
/// The client has waited and tried again before it says so.
pub(super) fn is_gone(error: &Error) -> bool {
    match error {
        Error::Unreachable { .. } | Error::Refused { .. } => true,
        Error::Answer {
            status, errcode, ..
        } => matches!(status, 502..=504) && errcode == "-",
        _ => false,
    }
}
