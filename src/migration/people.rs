//! What else an operator must know of the bundle's users: admins, addresses, single sign-on, and application services.
//! No I/O.

use std::collections::{BTreeMap, BTreeSet};

use ruma::{OwnedRoomAliasId, OwnedUserId};
use serde::Serialize;

use super::plan::{UserAction, UserPlan};
use crate::model::user::User;

/// What is known of the users that are carried over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct People {
    /// Admins of Synapse.
    pub admins: Vec<OwnedUserId>,
    /// Users with an e-mail address.
    pub with_email: u64,
    /// Users with a telephone number.
    pub with_phone: u64,
    /// Users who log in by single sign-on, by Synapse's name of the provider.
    pub sign_on: BTreeMap<String, u64>,
    /// Application services that were on Synapse, by ID.
    pub services: BTreeMap<String, Service>,
    /// Whether the bundle lacks what Synapse shows to its owners alone: it was exported by API, and not as the users.
    pub lacks_own: bool,
    /// Users whose account is on the target already, made by somebody else: its password stays.
    pub there: BTreeSet<OwnedUserId>,
}

/// An application service that has users.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Service {
    /// Its users.
    pub users: u64,
    /// What the localparts of all its users begin with, its bot not counted; nothing if they have nothing in common.
    pub prefix: String,
    /// Rooms in which one of them is joined.
    pub rooms: u64,
    /// Local aliases that begin with the same.
    pub aliases: u64,
}

/// Takes users in, then rooms.
#[derive(Debug, Default)]
pub struct Counting {
    people: People,
    /// Users of application services, and whose they are.
    puppets: BTreeMap<OwnedUserId, String>,
}

impl Counting {
    /// Of the users who are carried over.
    #[must_use]
    pub fn new(users: &[User], plans: &[UserPlan]) -> Self {
        let carried: BTreeSet<_> = plans
            .iter()
            .filter(|plan| plan.action == UserAction::Carry)
            .map(|plan| &plan.user_id)
            .collect();
        let mut counting = Self::default();
        for user in users.iter().filter(|user| carried.contains(&user.user_id)) {
            counting.user(user);
        }
        for (id, service) in &mut counting.people.services {
            let names = counting.puppets.iter().filter(|(_, of)| *of == id);
            service.prefix = common_prefix(names.map(|(user, _)| user.localpart()));
        }
        counting
    }

    fn user(&mut self, user: &User) {
        let people = &mut self.people;
        if user.is_admin {
            people.admins.push(user.user_id.clone());
        }
        people.with_email += u64::from(emails(user).next().is_some());
        let has_phone = user.threepids.iter().any(|id| id["medium"] == "msisdn");
        people.with_phone += u64::from(has_phone);
        let providers: BTreeSet<_> = user
            .external_ids
            .iter()
            .filter_map(|id| id["auth_provider"].as_str())
            .collect();
        for provider in providers {
            *people.sign_on.entry(provider.to_owned()).or_default() += 1;
        }
        if let Some(service) = &user.appservice_id {
            people.services.entry(service.clone()).or_default().users += 1;
            self.puppets.insert(user.user_id.clone(), service.clone());
        }
    }

    /// A room, by its joined members.
    pub fn room<'a>(&mut self, joined: impl Iterator<Item = &'a OwnedUserId>) {
        let services: BTreeSet<_> = joined.filter_map(|user| self.puppets.get(user)).collect();
        for id in services {
            if let Some(service) = self.people.services.get_mut(id) {
                service.rooms += 1;
            }
        }
    }

    /// What was counted, with these local aliases.
    #[must_use]
    pub fn end<'a>(mut self, aliases: impl Iterator<Item = &'a OwnedRoomAliasId>) -> People {
        for alias in aliases {
            let services = self.people.services.values_mut();
            for service in services.filter(|service| !service.prefix.is_empty()) {
                service.aliases += u64::from(alias.alias().starts_with(&service.prefix));
            }
        }
        self.people
    }
}

/// A user's e-mail addresses.
pub fn emails(user: &User) -> impl Iterator<Item = &str> {
    let ids = user.threepids.iter();
    ids.filter(|id| id["medium"] == "email")
        .filter_map(|id| id["address"].as_str())
}

/// What most of the names begin with: a bridge's bot (`telegrambot`) is named otherwise than its puppets (`telegram_17`),
/// so that up to its last sign that is no letter and no digit is looked at, and names without one are passed over.
fn common_prefix<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut common: Option<&str> = None;
    for name in names {
        let Some(end) = name.rfind(|sign: char| !sign.is_ascii_alphanumeric()) else {
            continue;
        };
        let start = &name[..=end];
        common = Some(match common {
            None => start,
            Some(common) => {
                let same = common
                    .bytes()
                    .zip(start.bytes())
                    .take_while(|(one, other)| one == other)
                    .count();
                // A localpart may have been allowed to hold anything.
                (0..=same)
                    .rev()
                    .find_map(|end| common.get(..end))
                    .unwrap_or_default()
            }
        });
    }
    common.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_alias_id, owned_user_id, server_name};
    use serde_json::{Value, json};

    use super::*;
    use crate::migration::planner::plan_user;

    fn people(users: &[Value]) -> People {
        let users: Vec<User> = users
            .iter()
            .map(|user| serde_json::from_value(user.clone()).unwrap())
            .collect();
        let plans: Vec<_> = users
            .iter()
            .map(|user| plan_user(user, server_name!("x"), &[]))
            .collect();
        let mut counting = Counting::new(&users, &plans);
        let room = [owned_user_id!("@tele_1:x"), owned_user_id!("@tele_2:x")];
        counting.room(room.iter());
        counting.room([owned_user_id!("@anna:x")].iter());
        let aliases = [
            owned_room_alias_id!("#tele_harbour:x"),
            owned_room_alias_id!("#harbour:x"),
        ];
        counting.end(aliases.iter())
    }

    #[test]
    fn people_are_counted_by_what_is_to_be_done_about_them() {
        let email = json!({ "medium": "email", "address": "a@x.test" });
        let sso = json!({ "auth_provider": "oidc-keycloak", "external_id": "17" });
        let people = people(&[
            json!({ "user_id": "@anna:x", "is_admin": true, "threepids": [email, email, { "medium": "msisdn", "address": "4930" }] }),
            json!({ "user_id": "@ben:x", "external_ids": [sso, sso] }),
            json!({ "user_id": "@cara:x", "is_admin": true, "deactivated": true, "threepids": [email] }),
            json!({ "user_id": "@tele_1:x", "appservice_id": "telegram" }),
            json!({ "user_id": "@tele_2:x", "appservice_id": "telegram" }),
            json!({ "user_id": "@telebot:x", "appservice_id": "telegram" }),
        ]);
        insta::assert_json_snapshot!(people, @r#"
        {
          "admins": [
            "@anna:x"
          ],
          "with_email": 1,
          "with_phone": 1,
          "sign_on": {
            "oidc-keycloak": 1
          },
          "services": {
            "telegram": {
              "users": 3,
              "prefix": "tele_",
              "rooms": 1,
              "aliases": 1
            }
          },
          "lacks_own": false,
          "there": []
        }
        "#);
    }

    #[test]
    fn what_names_begin_with() {
        let prefix = |names: &[&str]| common_prefix(names.iter().copied());
        assert_eq!(prefix(&["irc_a.b", "irc_a.c"]), "irc_a.");
        assert_eq!(prefix(&["irc_a", "ircbot"]), "irc_");
        assert_eq!(prefix(&["irc_a", "xmpp_b"]), "");
        assert_eq!(prefix(&["bot"]), "");
        assert_eq!(prefix(&["ä_1", "ö_1"]), "");
        assert_eq!(prefix(&[]), "");
    }
}
