//! Which accounts of a plan are on the target already, made by somebody else, and which names it lets nobody have.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, TryStreamExt, stream};
use ruma::OwnedUserId;

use crate::{
    Result,
    ledger::{Ledger, Step},
    migration::{
        accounts::how,
        plan::{Plan, UserAction},
    },
    target::{Target, account::Name},
};

/// Accounts asked for at once.
const IN_FLIGHT: usize = 8;

/// What the target says of the names of a plan.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Somebody else's account has them.
    pub(super) there: BTreeSet<OwnedUserId>,
    /// Nobody can have them, and why.
    pub(super) refused: BTreeMap<OwnedUserId, String>,
}

/// Asks the target for each account that is carried over open and that no import of ours has begun to make.
pub(super) async fn look(target: &Target, ledger: &Ledger, plan: &Plan) -> Result<Names> {
    let mut names = Names::default();
    let mut unknown = Vec::new();
    let carried = plan.users.iter();
    for user in carried.filter(|user| user.action == UserAction::Carry) {
        match ledger.entry(Step::Account, &user.user_id)? {
            Some(entry) if entry.detail == how::ADOPTED => {
                names.there.insert(user.user_id.clone());
            }
            Some(entry) if entry.is_done() || entry.outcome == "begun" => {}
            _ => unknown.push(user.user_id.clone()),
        }
    }
    let asked = stream::iter(unknown).map(|user| async move {
        let name = target.name(&user).await?;
        Ok::<_, crate::Error>((user, name))
    });
    let said: Vec<_> = asked.buffer_unordered(IN_FLIGHT).try_collect().await?;
    for (user, name) in said {
        match name {
            Name::There => {
                names.there.insert(user);
            }
            // A stand-in says so of every name, and registers it for an application service all the same.
            Name::Refused(reason) if plan.target.replay => {
                names.refused.insert(user, reason);
            }
            Name::Free | Name::Refused(_) => {}
        }
    }
    Ok(names)
}
