//! The users of a plan: whose account can't be what it was.

use std::collections::BTreeSet;

use ruma::OwnedUserId;

use super::{super::Names, Found};
use crate::{
    migration::{
        check::{What, without_operators},
        plan::{Plan, UserAction},
    },
    model::user::User,
};

pub(super) fn look(
    plan: &Plan,
    users: &[User],
    names: &Names,
    operators: &[OwnedUserId],
    found: &mut Found,
) {
    let all = plan.users.iter();
    let carried = all.filter(|user| user.action == UserAction::Carry).count();
    found.add(What::Users {
        carried: carried as u64,
        of: plan.users.len() as u64,
    });
    let reserved: BTreeSet<_> = plan
        .users
        .iter()
        .filter(|user| matches!(user.action, UserAction::Reserve { .. }))
        .map(|user| &user.user_id)
        .collect();
    // Who was closed for good on Synapse stays so.
    let closed = users.iter().filter(|user| {
        reserved.contains(&plan.ids.new_id(&user.user_id))
            && !user.deactivated
            && !user.erased
            && (user.locked || user.suspended || user.shadow_banned)
    });
    found.about(What::UsersClosed, closed.map(|user| &user.user_id));
    let guests: BTreeSet<_> = users
        .iter()
        .filter(|user| user.is_guest)
        .map(|user| plan.ids.new_id(&user.user_id))
        .collect();
    let taken = plan.users.iter().filter(|user| {
        matches!(user.action, UserAction::Skip { .. })
            && user.user_id.server_name() == plan.ids.new_name()
            && !guests.contains(&user.user_id)
    });
    found.about(What::UsersNamesTaken, taken.map(|user| &user.user_id));
    if let Some(reason) = names.refused.values().next() {
        found.about(
            What::UsersNamesRefused {
                reason: reason.clone(),
            },
            names.refused.keys(),
        );
    }
    found.about(
        What::UsersThere,
        without_operators(names.there.iter(), operators),
    );
    found.about(
        What::UsersSignOn {
            users: plan.people.sign_on.values().sum(),
        },
        plan.people.sign_on.keys(),
    );
}
