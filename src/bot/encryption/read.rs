//! Decrypts an event, and judges whose it is.

use matrix_sdk::{
    Room,
    deserialized_responses::{
        DeviceLinkProblem, TimelineEventKind, UnableToDecryptReason, VerificationLevel,
        VerificationState, WithheldCode,
    },
    encryption::vodozemac::megolm::MegolmMessage,
    ruma::{UserId, events::room::encrypted::OriginalSyncRoomEncryptedEvent, serde::Raw},
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
            if trust == Trust::CrossSigned
                && let Some(verdict) = changed(room, event).await
            {
                return verdict;
            }
            let inner = decrypted.event.deserialize_as_unchecked::<Value>().ok();
            let read = inner.and_then(|inner| {
                Some(Heard::Read {
                    event: opened(event, &inner)?,
                    place: place(event)?,
                })
            });
            read.unwrap_or(Heard::Never(Unread::Damaged))
        }
        TimelineEventKind::UnableToDecrypt { utd_info, .. } => unreadable(&utd_info.reason),
        TimelineEventKind::PlainText { .. } => Heard::Never(Unread::Damaged),
    }
}

/// The session and the number in it of what was encrypted. Not the bytes: they can be written down in many ways that all
/// decrypt to the same.
fn place(event: &Value) -> Option<String> {
    let content = event.get("content")?;
    let text = |field: &str| content.get(field)?.as_str();
    let message = MegolmMessage::from_base64(text("ciphertext")?).ok()?;
    Some(format!(
        "{} {}",
        text("session_id")?,
        message.message_index()
    ))
}

/// What is wrong with the identity that has signed the sender's device: the first one seen counts, for whoever runs the
/// target could make another, with a device of their own.
async fn changed(room: &Room, event: &Value) -> Option<Heard> {
    let client = room.client();
    let sender = event.get("sender").and_then(Value::as_str);
    let sender = sender.and_then(|sender| UserId::parse(sender).ok())?;
    let identity = client.encryption().get_user_identity(&sender).await;
    let key = identity.ok().flatten();
    let key = key.and_then(|identity| identity.master_key().get_first_key());
    let Some(key) = key else {
        return Some(Heard::NotYet(Unread::Unsigned));
    };
    let (store, name) = (client.state_store(), format!("ferryman.identity.{sender}"));
    let key = key.as_bytes();
    match store.get_custom_value(name.as_bytes()).await {
        Ok(Some(first)) if first == key => None,
        Ok(Some(_)) => Some(Heard::Never(Unread::OtherIdentity)),
        Ok(None) => {
            let kept = store.set_custom_value(name.as_bytes(), key.to_vec()).await;
            kept.is_err().then_some(Heard::NotYet(Unread::Unsigned))
        }
        Err(_) => Some(Heard::NotYet(Unread::Unsigned)),
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
    use matrix_sdk::{
        encryption::vodozemac::megolm::{GroupSession, SessionConfig},
        ruma::serde::{Base64, base64::Standard},
    };
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
    fn a_message_has_one_place_however_it_is_written_down() {
        let mut session = GroupSession::new(SessionConfig::version_1());
        let (first, second) = (session.encrypt("a"), session.encrypt("a"));
        let sealed = |ciphertext: &str| {
            place(&json!({"content": {"session_id": "s", "ciphertext": ciphertext}}))
        };
        assert_eq!(sealed(&first.to_base64()).unwrap(), "s 0");
        assert_eq!(sealed(&second.to_base64()).unwrap(), "s 1");
        assert_eq!(sealed(&format!("{}=", first.to_base64())), None);
        // The index takes more bytes than it needs.
        let mut bytes = first.to_bytes();
        assert_eq!(bytes[1..3], [8, 0]);
        bytes.splice(2..3, [0x80, 0x00]);
        let longer = Base64::<Standard>::new(bytes).encode();
        assert_ne!(longer, first.to_base64());
        assert_eq!(sealed(&longer).unwrap(), "s 0");
        assert_eq!(sealed("AwgAEg"), None);
        assert_eq!(place(&json!({"content": {"session_id": "s"}})), None);
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
