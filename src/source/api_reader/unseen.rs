//! What the API doesn't show, and how to get it.

use crate::{
    job::Problem,
    model::wanted::{Media, Wanted},
    source::{about::NOT_VISIBLE, intake::problem},
};

const TO_OWNERS: &str =
    "Synapse shows them to their owners only: use --act-as-users or --source db";
const TO_NOBODY: &str = "Synapse's API shows them to nobody: use --source db";

/// One for each kind of thing.
pub(super) fn of(wanted: &Wanted) -> Vec<Problem> {
    let mut unseen = Vec::new();
    if wanted.inventory {
        let reason = "an inventory by the API has the rooms of Synapse's own list: use --source db, or a whole export";
        unseen.push(problem(
            NOT_VISIBLE,
            "rooms made while Synapse's statistics were disabled",
            reason,
        ));
        return unseen;
    }
    let mut add = |kind: &str, reason: &str| unseen.push(problem(NOT_VISIBLE, kind, reason));
    if wanted.act_as_users {
        add(
            "push rules, tags, receipts, key backups and verifications of locked users and of guests",
            "nobody can act as them: use --source db",
        );
        add(
            "tags and receipts of rooms that their owner has left",
            TO_NOBODY,
        );
        add(
            "whom users have verified on other servers",
            "Synapse would ask those servers: use --source db",
        );
    } else {
        add("push rules", TO_OWNERS);
        add("tags", TO_OWNERS);
        add("receipts", TO_OWNERS);
        add("key backups", TO_OWNERS);
        add(
            "user-signing keys, later signatures on master keys, and who has verified whom",
            TO_OWNERS,
        );
        add(
            "invites and knocks to rooms that this server is not in, and what the invited see of a room",
            TO_OWNERS,
        );
    }
    add("events that Synapse rejected", TO_NOBODY);
    if wanted.media != Media::None {
        add("media without an uploader", TO_NOBODY);
    }
    if wanted.password_hashes {
        add("password hashes", TO_NOBODY);
    }
    unseen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(wanted: &Wanted) -> String {
        let lines = of(wanted).into_iter();
        let lines = lines.map(
            |Problem {
                 step,
                 subject,
                 reason,
             }| format!("{step}: {subject}: {reason}"),
        );
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn without_acting() {
        insta::assert_snapshot!(text(&Wanted::default()), @r"
        not visible: push rules: Synapse shows them to their owners only: use --act-as-users or --source db
        not visible: tags: Synapse shows them to their owners only: use --act-as-users or --source db
        not visible: receipts: Synapse shows them to their owners only: use --act-as-users or --source db
        not visible: key backups: Synapse shows them to their owners only: use --act-as-users or --source db
        not visible: user-signing keys, later signatures on master keys, and who has verified whom: Synapse shows them to their owners only: use --act-as-users or --source db
        not visible: invites and knocks to rooms that this server is not in, and what the invited see of a room: Synapse shows them to their owners only: use --act-as-users or --source db
        not visible: events that Synapse rejected: Synapse's API shows them to nobody: use --source db
        not visible: media without an uploader: Synapse's API shows them to nobody: use --source db
        ");
    }

    #[test]
    fn an_inventory() {
        let wanted = Wanted {
            inventory: true,
            ..Wanted::default()
        };
        insta::assert_snapshot!(text(&wanted), @"not visible: rooms made while Synapse's statistics were disabled: an inventory by the API has the rooms of Synapse's own list: use --source db, or a whole export");
    }

    #[test]
    fn with_acting_and_hashes() {
        let wanted = Wanted {
            act_as_users: true,
            password_hashes: true,
            media: Media::None,
            ..Wanted::default()
        };
        insta::assert_snapshot!(text(&wanted), @r"
        not visible: push rules, tags, receipts, key backups and verifications of locked users and of guests: nobody can act as them: use --source db
        not visible: tags and receipts of rooms that their owner has left: Synapse's API shows them to nobody: use --source db
        not visible: whom users have verified on other servers: Synapse would ask those servers: use --source db
        not visible: events that Synapse rejected: Synapse's API shows them to nobody: use --source db
        not visible: password hashes: Synapse's API shows them to nobody: use --source db
        ");
    }
}
