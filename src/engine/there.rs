//! Which accounts of a plan are on the target already, made by somebody else.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use ruma::OwnedUserId;

use crate::{
    Result,
    ledger::{Ledger, Step},
    migration::{
        accounts::how,
        plan::{Plan, UserAction},
    },
    target::Target,
};

/// Accounts asked for at once.
const IN_FLIGHT: usize = 8;

/// Asks the target for each account that is carried over open and that no import of ours has begun to make.
pub(super) async fn look(
    target: &Target,
    ledger: &Ledger,
    plan: &Plan,
) -> Result<BTreeSet<OwnedUserId>> {
    let mut there = BTreeSet::new();
    let mut unknown = Vec::new();
    let carried = plan.users.iter();
    for user in carried.filter(|user| user.action == UserAction::Carry) {
        match ledger.entry(Step::Account, &user.user_id)? {
            Some(entry) if entry.detail == how::ADOPTED => {
                there.insert(user.user_id.clone());
            }
            Some(entry) if entry.is_done() || entry.outcome == "begun" => {}
            _ => unknown.push(user.user_id.clone()),
        }
    }
    let asked = stream::iter(unknown).map(|user| async move {
        let is_there = target.has_account(&user).await?;
        Ok::<_, crate::Error>(is_there.then_some(user))
    });
    let found: Vec<_> = asked.buffer_unordered(IN_FLIGHT).try_collect().await?;
    there.extend(found.into_iter().flatten());
    Ok(there)
}
