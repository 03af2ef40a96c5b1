//! Accounts that are not ordinary: admins, bots, guests, those of a bridge, and those that an admin has shut out.

use std::collections::BTreeMap;

use ruma::ServerName;
use serde_json::{Value, json};

use super::{
    FilledUser, Town,
    people::{ODD, password},
};
use crate::lab::{
    Result,
    client::{Client, v3},
    path::path,
    registration::{Namespace, Registration},
    synapse::{Synapse, SynapseOptions},
};

/// The bridge's ID, in its registration and at its users.
pub const BRIDGE: &str = "lab-bridge";
pub(super) const BRIDGE_TOKEN: &str = "lab-bridge-as";
/// A user whom the bridge registered.
pub const BRIDGED: &str = "_bridge_walter";
/// The guest's key in [`super::Filled::users`]: the server chooses its localpart.
pub const GUEST: &str = "guest";

/// Ordinary at first; [`shut_out`] makes the difference. The last column is Synapse's `user_type`.
const SPECIAL: [(&str, Option<&'static str>, Option<&'static str>); 7] = [
    ("peggy", Some("Peggy, second admin"), None),
    ("trent", Some("Trent (locked)"), None),
    ("oscar", Some("Oscar (suspended)"), None),
    ("sybil", Some("Sybil (shadow-banned)"), None),
    ("victor", Some("Victor (erased)"), None),
    ("helpbot", Some("Help 🤖"), Some("bot")),
    ("wendy", None, Some("support")),
];

/// What an account is, and what belongs to it. All fields as Synapse's Admin API names them.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are Synapse's own, each for itself"
)]
pub struct Account {
    /// A server admin.
    pub admin: bool,
    /// Its sessions are refused.
    pub locked: bool,
    /// It may only read.
    pub suspended: bool,
    /// What it says reaches nobody.
    pub shadow_banned: bool,
    /// Closed.
    pub deactivated: bool,
    /// Closed, and its messages are hidden from newcomers.
    pub erased: bool,
    /// Registered with `kind=guest`.
    pub is_guest: bool,
    /// `bot` or `support`.
    pub user_type: Option<&'static str>,
    /// The application service that registered it.
    pub appservice_id: Option<&'static str>,
    /// Medium and address.
    pub threepids: Vec<(&'static str, &'static str)>,
    /// Provider and the ID there.
    pub external_ids: Vec<(&'static str, &'static str)>,
    /// Profile fields beside name and picture, as sent (`PUT /profile/{user}/{field}`, spec 1.16).
    pub profile: BTreeMap<&'static str, Value>,
}

impl Account {
    /// Whether nobody can use it as it should be used: closed, locked, suspended or shadow-banned.
    #[must_use]
    pub fn is_shut_out(&self) -> bool {
        self.deactivated || self.locked || self.suspended || self.shadow_banned
    }
}

/// A source that can be filled wholly: it knows the bridge.
pub fn source_options(server_name: ruma::OwnedServerName) -> SynapseOptions {
    let registration = bridge(&server_name);
    let mut options = SynapseOptions::source(server_name);
    options.registrations.push(registration);
    options
}

fn bridge(server_name: &ServerName) -> Registration {
    Registration {
        id: BRIDGE.to_owned(),
        url: None,
        as_token: BRIDGE_TOKEN.to_owned(),
        hs_token: "lab-bridge-hs".to_owned(),
        sender_localpart: "_bridge_bot".to_owned(),
        users: vec![Namespace::exclusive(format!("@_bridge_.*:{server_name}"))],
        aliases: Vec::new(),
    }
}

/// Registers them all, still without restrictions.
pub(super) async fn settle(
    synapse: &Synapse,
    admin: &Client,
) -> Result<Vec<(&'static str, FilledUser)>> {
    let mut users = Vec::new();
    for (name, displayname, _) in SPECIAL {
        let client = synapse.create_user(admin, name, &password(name)).await?;
        if let Some(displayname) = displayname {
            client.set_displayname(displayname).await?;
        }
        users.push((name, user(client, &password(name), displayname)));
    }
    let anonymous = synapse.anonymous();
    let answer = anonymous
        .post("/_matrix/client/v3/register?kind=guest", &json!({}))
        .await?;
    users.push((GUEST, user(anonymous.session(&answer)?, "", None)));
    if let Some(client) = bridged(anonymous).await? {
        users.push((BRIDGED, user(client, "", None)));
    }
    Ok(users)
}

/// The bridge's user; none if Synapse was started without [`source_options`].
async fn bridged(anonymous: &Client) -> Result<Option<Client>> {
    let body = json!({ "type": "m.login.application_service", "username": BRIDGED });
    let bridge = anonymous.with_token("", BRIDGE_TOKEN);
    match bridge.post("/_matrix/client/v3/register", &body).await {
        Ok(answer) => anonymous.session(&answer).map(Some),
        Err(error) if error.errcode() == Some("M_UNKNOWN_TOKEN") => Ok(None),
        Err(error) => Err(error),
    }
}

fn user(client: Client, password: &str, displayname: Option<&'static str>) -> FilledUser {
    let user_id = client.user_id().to_owned();
    FilledUser {
        deactivated: user_id.starts_with("@victor:"),
        user_id,
        password: password.to_owned(),
        displayname,
        avatar: None,
        client,
    }
}

/// Addresses, links and profile fields of ordinary people.
pub(super) async fn register_details(town: &Town) -> Result<()> {
    let admin = town.who("alice");
    for (name, account) in expected(town) {
        if !account.threepids.is_empty() || !account.external_ids.is_empty() {
            let threepids = account.threepids.iter();
            let ids = account.external_ids.iter();
            let body = json!({
                "threepids": threepids
                    .map(|(medium, address)| json!({ "medium": medium, "address": address }))
                    .collect::<Vec<_>>(),
                "external_ids": ids
                    .map(|(provider, id)| json!({ "auth_provider": provider, "external_id": id }))
                    .collect::<Vec<_>>(),
            });
            let user = path("/_synapse/admin/v2/users", &[town.id(name)]);
            admin.put(&user, &body).await?;
        }
        for (field, value) in &account.profile {
            let path = v3(&["profile", town.id(name), field]);
            town.who(name).put(&path, &json!({ *field: value })).await?;
        }
    }
    Ok(())
}

/// What an admin does to accounts, after which some can do nothing more. Gives what every account then is.
pub(super) async fn shut_out(town: &Town, synapse: &Synapse) -> Result<BTreeMap<String, Account>> {
    let admin = town.who("alice");
    let expected = expected(town);
    for (name, account) in &expected {
        let id = town.id(name);
        let user = path("/_synapse/admin/v2/users", &[id]);
        if account.admin && *name != "alice" {
            admin.put(&user, &json!({ "admin": true })).await?;
        }
        if let Some(user_type) = account.user_type {
            let body = json!({ "user_type": user_type });
            admin.put(&user, &body).await?;
        }
        if account.locked {
            admin.put(&user, &json!({ "locked": true })).await?;
        }
        if account.suspended {
            let suspend = path("/_synapse/admin/v1/suspend", &[id]);
            admin.put(&suspend, &json!({ "suspend": true })).await?;
        }
        if account.shadow_banned {
            let ban = path("/_synapse/admin/v1/users", &[id, "shadow_ban"]);
            admin.post(&ban, &json!({})).await?;
        }
        if account.deactivated {
            synapse.deactivate(admin, id, account.erased).await?;
        }
    }
    Ok(expected
        .into_iter()
        .map(|(name, account)| (town.id(name).to_owned(), account))
        .collect())
}

fn expected(town: &Town) -> BTreeMap<&str, Account> {
    let mut accounts: BTreeMap<&str, Account> = town
        .clients
        .keys()
        .map(|name| (*name, Account::default()))
        .collect();
    let mut change = |name: &str, change: &dyn Fn(&mut Account)| {
        if let Some(account) = accounts.get_mut(name) {
            change(account);
        }
    };
    change("alice", &|account| account.admin = true);
    change("peggy", &|account| account.admin = true);
    change("trent", &|account| account.locked = true);
    change("oscar", &|account| account.suspended = true);
    change("sybil", &|account| account.shadow_banned = true);
    change("mallory", &|account| account.deactivated = true);
    change("victor", &|account| {
        account.deactivated = true;
        account.erased = true;
    });
    change(GUEST, &|account| account.is_guest = true);
    change(BRIDGED, &|account| account.appservice_id = Some(BRIDGE));
    for (name, _, user_type) in SPECIAL {
        change(name, &|account| account.user_type = user_type);
    }
    change("bob", &|account| {
        account.threepids = vec![("email", "bob@example.org"), ("msisdn", "447700900123")];
        account.external_ids = vec![("oidc-lab", "bob|1234"), ("saml", "Bob/Ünï")];
        account.profile = [
            ("m.tz", json!("Europe/Berlin")),
            (
                "org.example.pronouns",
                json!([{ "language": "en", "summary": "he/him ⚓" }]),
            ),
        ]
        .into();
    });
    change("carol", &|account| {
        account.threepids = vec![("email", "carol@example.org")];
    });
    change(ODD, &|account| {
        account.external_ids = vec![("oidc-lab", "odd")];
        account.profile = [("org.example.shoe_size", json!(42))].into();
    });
    accounts
}
