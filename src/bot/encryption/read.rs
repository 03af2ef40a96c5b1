//! Decrypts an event, and judges whose it is.

use matrix_sdk::{
    Room,
    deserialized_responses::{
        DeviceLinkProblem, TimelineEventKind, UnableToDecryptReason, VerificationLevel,
        VerificationState, WithheldCode,
    },
    ruma::{events::room::encrypted::OriginalSyncRoomEncryptedEvent, serde::Raw},
};
use serde_json::{Value, value::to_raw_value};

use super::Heard;
use crate::{config::Trust, report::encrypted::Unread};

/// The event with its own type and content; who sent it, and when, stays what the server said.
pub(super) async fn read(room: &Room, event: &Value, trust: Trust) -> Heard {
    let Ok(raw) = to_raw_value(event) else {
        return Heard::Never(Unread::Damaged);
    };
    let raw: Raw<OriginalSyncRoomEncryptedEvent> = Raw::from_json(raw);
    let Ok(decrypted) = room.decrypt_event(&raw, None).await else {
        return Heard::Never(Unread::Damaged);
    };
    match decrypted.kind {
        TimelineEventKind::Decrypted(decrypted) => {
            let verdict = judge(&decrypted.encryption_info.verification_state, trust);
            if let Some(verdict) = verdict {
                return verdict;
            }
            decrypted
                .event
                .deserialize_as_unchecked::<Value>()
                .ok()
                .and_then(|inner| opened(event, &inner))
                .map_or(Heard::Never(Unread::Damaged), Heard::Read)
        }
        TimelineEventKind::UnableToDecrypt { utd_info, .. } => unreadable(&utd_info.reason),
        TimelineEventKind::PlainText { .. } => Heard::Never(Unread::Damaged),
    }
}

fn opened(outer: &Value, inner: &Value) -> Option<Value> {
    let mut event = outer.clone();
    let fields = event.as_object_mut()?;
    for name in ["type", "content"] {
        fields.insert(name.to_owned(), inner.get(name)?.clone());
    }
    Some(event)
}

/// What is wrong with whoever encrypted it.
fn judge(state: &VerificationState, trust: Trust) -> Option<Heard> {
    let VerificationState::Unverified(level) = state else {
        return None;
    };
    match (level, trust) {
        // The bot verifies nobody, so this is as good as it gets.
        (VerificationLevel::UnverifiedIdentity, _)
        | (VerificationLevel::UnsignedDevice, Trust::Any) => None,
        (VerificationLevel::UnsignedDevice, Trust::CrossSigned) => {
            Some(Heard::Never(Unread::Unsigned))
        }
        (VerificationLevel::MismatchedSender, _) => Some(Heard::Never(Unread::Foreign)),
        // The list of the sender's devices may be on its way.
        (VerificationLevel::None(DeviceLinkProblem::MissingDevice), _) => {
            Some(Heard::NotYet(Unread::UnknownDevice))
        }
        (
            VerificationLevel::None(DeviceLinkProblem::InsecureSource)
            | VerificationLevel::VerificationViolation,
            _,
        ) => Some(Heard::Never(Unread::UnknownDevice)),
    }
}

fn unreadable(reason: &UnableToDecryptReason) -> Heard {
    match reason {
        // After `NoOlm`, a new session between the two devices may be under way.
        UnableToDecryptReason::MissingMegolmSession {
            withheld_code: None | Some(WithheldCode::NoOlm),
        }
        | UnableToDecryptReason::UnknownMegolmMessageIndex => Heard::NotYet(Unread::NoKey),
        UnableToDecryptReason::MissingMegolmSession {
            withheld_code: Some(WithheldCode::Unverified),
        } => Heard::Never(Unread::Unverified),
        UnableToDecryptReason::MissingMegolmSession {
            withheld_code: Some(_),
        } => Heard::Never(Unread::Withheld),
        UnableToDecryptReason::MismatchedIdentityKeys => Heard::Never(Unread::Foreign),
        _ => Heard::Never(Unread::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whose_device_may_order() {
        let problem = |problem| VerificationLevel::None(problem);
        let lines: Vec<String> = [
            VerificationLevel::UnverifiedIdentity,
            VerificationLevel::UnsignedDevice,
            VerificationLevel::VerificationViolation,
            VerificationLevel::MismatchedSender,
            problem(DeviceLinkProblem::MissingDevice),
            problem(DeviceLinkProblem::InsecureSource),
        ]
        .map(|level| {
            let state = VerificationState::Unverified(level.clone());
            let (any, signed) = (judge(&state, Trust::Any), judge(&state, Trust::CrossSigned));
            format!("{level:?}: {any:?}, {signed:?}")
        })
        .into();
        insta::assert_snapshot!(lines.join("\n"), @r"
        UnverifiedIdentity: None, None
        UnsignedDevice: None, Some(Never(Unsigned))
        VerificationViolation: Some(Never(UnknownDevice)), Some(Never(UnknownDevice))
        MismatchedSender: Some(Never(Foreign)), Some(Never(Foreign))
        None(MissingDevice): Some(NotYet(UnknownDevice)), Some(NotYet(UnknownDevice))
        None(InsecureSource): Some(Never(UnknownDevice)), Some(Never(UnknownDevice))
        ");
        assert_eq!(
            judge(&VerificationState::Verified, Trust::CrossSigned),
            None
        );
    }

    #[test]
    fn keys_that_are_missing() {
        let missing = |withheld_code| UnableToDecryptReason::MissingMegolmSession { withheld_code };
        let lines: Vec<String> = [
            missing(None),
            missing(Some(WithheldCode::NoOlm)),
            missing(Some(WithheldCode::Unverified)),
            missing(Some(WithheldCode::Blacklisted)),
            UnableToDecryptReason::UnknownMegolmMessageIndex,
            UnableToDecryptReason::MismatchedIdentityKeys,
            UnableToDecryptReason::MegolmDecryptionFailure,
        ]
        .iter()
        .map(|reason| format!("{:?}", unreadable(reason)))
        .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        NotYet(NoKey)
        NotYet(NoKey)
        Never(Unverified)
        Never(Withheld)
        NotYet(NoKey)
        Never(Foreign)
        Never(Damaged)
        ");
    }

    #[test]
    fn sender_time_and_id_are_the_servers() {
        let outer = json!({
            "type": "m.room.encrypted", "sender": "@anna:x", "event_id": "$a", "origin_server_ts": 5, "room_id": "!r",
            "content": {"ciphertext": "…"},
        });
        let inner = json!({
            "type": "m.room.message", "sender": "@eva:x", "event_id": "$b", "origin_server_ts": 9, "room_id": "!s",
            "state_key": "", "content": {"body": "!ferry status"},
        });
        assert_eq!(
            opened(&outer, &inner).unwrap(),
            json!({
                "type": "m.room.message", "sender": "@anna:x", "event_id": "$a", "origin_server_ts": 5, "room_id": "!r",
                "content": {"body": "!ferry status"},
            })
        );
        assert_eq!(opened(&outer, &json!({"type": "m.room.message"})), None);
    }
}
