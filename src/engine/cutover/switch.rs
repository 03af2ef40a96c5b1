//! Whether everybody reaches the target: looked at from outside.

use serde_json::value::to_raw_value;

use super::{bad, findings, good, warning};
use crate::{
    Error, Result,
    engine::Engine,
    kept::ControlRoom,
    ledger::Step,
    migration::{
        old_keys,
        outcome::{Finding, Health},
    },
    outside::{Outside, client_versions_of},
    resident::notary,
    target::Target,
};

/// Who answers at the address for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Serves {
    /// The target.
    Target,
    /// Synapse.
    Source,
    /// Neither, or nobody can tell.
    Unclear,
}

impl Engine {
    /// Looks from outside whether the proxy hands everything to the target, and the target is whole.
    pub async fn has_switched(&self) -> Result<Vec<Finding>> {
        let outside = Outside::find(&self.config).await?;
        let target = self.target()?.hurried();
        let software = target.abilities().await?.software;
        let by_clients = target.at(outside.clients_url())?;
        let mut all = vec![
            self.clients(&outside, &software).await,
            servers(&outside, &software).await,
        ];
        if all.iter().any(|finding| finding.state == Health::Bad) {
            // Whatever else is looked at there would be somebody else's.
            return Ok(all);
        }
        all.extend(findings(&outside, &outside.doors().await, false));
        all.push(self.keys(&outside, &target).await);
        all.push(self.message(&by_clients, &target).await);
        all.push(self.medium(&by_clients).await);
        all.push(self.synapse_is_away().await);
        Ok(all)
    }

    /// By what each server answers at its own address it is known who answers outside.
    pub(super) async fn serves_clients(&self, outside: &Outside) -> Result<Serves> {
        let there = outside.client_versions().await?;
        let [tuwunel, synapse] = [
            client_versions_of(&self.config.target.url).await,
            client_versions_of(&self.config.synapse.url).await,
        ]
        .map(|versions| versions.is_ok_and(|versions| versions == there));
        Ok(match (tuwunel, synapse) {
            (true, false) => Serves::Target,
            (false, true) => Serves::Source,
            _ => Serves::Unclear,
        })
    }

    async fn clients(&self, outside: &Outside, software: &str) -> Finding {
        let (name, url) = ("clients", outside.clients_url());
        match self.serves_clients(outside).await {
            Ok(Serves::Target) => good(name, format!("{software} answers at {url}")),
            Ok(Serves::Source) => bad(
                name,
                format!("Synapse answers at {url}: change the proxy, and reload it"),
            ),
            Ok(Serves::Unclear) => bad(
                name,
                format!(
                    "neither Tuwunel nor Synapse answers at {url}: look where the proxy hands `/_matrix` to"
                ),
            ),
            Err(error) => bad(name, error.to_string()),
        }
    }

    /// Other servers must find the new key and the old one, or they take nothing of ours.
    async fn keys(&self, outside: &Outside, target: &Target) -> Finding {
        let name = "keys";
        let compared = async {
            let url = outside.servers_url();
            let there = outside.keys().await?;
            let there = to_raw_value(&there).and_then(|there| notary::all_keys(&there));
            let there = there.map_err(|error| {
                Error::Target(format!(
                    "{url}/_matrix/key/v2/server shows no keys ({error}): look at it there"
                ))
            })?;
            if there.current != target.server_keys().await? {
                return Err(Error::Target(format!(
                    "{url} shows other keys than Tuwunel at its own address: another server answers there"
                )));
            }
            Ok(old_keys::comparison(
                &old_keys::of(&self.last_import().await?.0)?,
                &there,
            ))
        };
        match compared.await {
            Ok(old) if old.differences.is_empty() => good(
                name,
                "the new one is shown, and those of Synapse under `old_verify_keys`".to_owned(),
            ),
            Ok(old) => bad(
                name,
                format!(
                    "{}: other servers can't check what was said before; restart Tuwunel, and look again",
                    old.differences.join(", ")
                ),
            ),
            Err(error) => bad(name, error.to_string()),
        }
    }

    /// Something that the bot says in the control room, sent from outside and read at the target's own address.
    async fn message(&self, outside: &Target, target: &Target) -> Finding {
        let name = "a message";
        let said = async {
            let room =
                ControlRoom::load(&self.config.data_dir)?.filter(|room| !room.is_encrypted());
            let Some(room) = room.and_then(|room| ruma::OwnedRoomId::try_from(room.room_id).ok())
            else {
                return Ok(None);
            };
            let text = format!("This came through {}.", outside.url());
            let event = outside.say(&room, &text).await?;
            Ok::<_, Error>(Some(target.hears(&room, &event).await?))
        };
        match said.await {
            Ok(Some(true)) => good(
                name,
                "what the bot says outside arrives on Tuwunel".to_owned(),
            ),
            Ok(Some(false)) => bad(
                name,
                "what the bot has said outside is not on Tuwunel: another server answers there"
                    .to_owned(),
            ),
            Ok(None) => warning(
                name,
                "there is no control room without encryption to try one in: write one in a client"
                    .to_owned(),
            ),
            Err(error) => bad(name, error.to_string()),
        }
    }

    /// The newest file that was carried.
    async fn medium(&self, outside: &Target) -> Finding {
        let name = "a media file";
        let read = async {
            let (bundle, ledger) = self.last_import().await?;
            let mut media = bundle.media()?;
            media.retain(|it| ledger.is_done(Step::Media, &it.media_id).unwrap_or(false));
            media.sort_by_key(|it| it.created_ts);
            let Some(newest) = media.pop() else {
                return Ok(None);
            };
            let held = outside.read_media(&newest.media_id).await?;
            Ok::<_, Error>(Some((newest, held.and_then(|held| held.bytes))))
        };
        match read.await {
            Ok(None) => good(name, "there is none to look at".to_owned()),
            Ok(Some((medium, bytes))) if bytes == medium.length => {
                good(name, format!("{} comes whole", medium.media_id))
            }
            Ok(Some((medium, None))) => bad(
                name,
                format!(
                    "{} is not there: `verify` looks at all of them, and `retry` brings them",
                    medium.media_id
                ),
            ),
            Ok(Some((medium, Some(bytes)))) => bad(
                name,
                format!(
                    "{} comes with {bytes} bytes instead of {}: `verify` looks at all of them",
                    medium.media_id,
                    medium.length.unwrap_or_default()
                ),
            ),
            Err(error) => bad(name, error.to_string()),
        }
    }

    /// Two servers of one name would both speak to others.
    async fn synapse_is_away(&self) -> Finding {
        let (name, url) = ("Synapse", &self.config.synapse.url);
        match client_versions_of(url).await {
            Err(_) => good(name, "it is stopped".to_owned()),
            Ok(_) => warning(
                name,
                format!(
                    "it still runs at {url} and may send to other servers: stop it, see to it that it doesn't start by itself, and keep its database"
                ),
            ),
        }
    }
}

async fn servers(outside: &Outside, software: &str) -> Finding {
    let (name, url) = ("other servers", outside.servers_url());
    match outside.software().await {
        Ok(there) if there == software => good(name, format!("{software} answers at {url}")),
        Ok(there) => bad(
            name,
            format!(
                "{there} answers at {url}: change the proxy for other servers, too, and reload it"
            ),
        ),
        Err(error) => bad(name, error.to_string()),
    }
}
