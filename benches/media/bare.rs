//! The commands alone: no look at what is there, no ledger, and of the answers only the last one of some.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Result, bail};
use ferryman::{
    bundle::Bundle,
    engine::{Engine, Joiner, Residence},
    lab::{admin_room::AdminRoom, client::Client, names::Names, path::path},
    resident::{Medium, shelf::MediumGuard},
    target::{Target, media::fetch},
};
use tempfile::TempDir;

/// Commands that are sent before the answer to those before them is waited for: half of what is queued.
const HALF: usize = 16;
/// The pause between two looks for an answer.
const LOOK: Duration = Duration::from_millis(20);

/// Everything laid out at once.
pub(crate) struct Ready {
    ids: Vec<String>,
    _files: Vec<MediumGuard>,
    _residence: Residence,
    _bundle: Bundle,
    _work: TempDir,
}

pub(crate) async fn ready(engine: &Engine, bundle: &Path, names: &Names) -> Result<Ready> {
    let work = tempfile::tempdir()?;
    let bundle = Bundle::open(bundle, work.path())?;
    let target = Target::new(&engine.config, &engine.tokens)?;
    let joiner = Joiner {
        name: names.server_name.clone(),
        url: target.url().to_owned(),
        keys: target.server_keys().await?,
        wants_signed_keys: false,
    };
    let residence = engine.reside(&bundle, joiner).await?;
    let resident = Arc::clone(&residence.resident);
    let (mut ids, mut files) = (Vec::new(), Vec::new());
    for item in bundle.media()? {
        let Some(file) = bundle.media_file(&item.media_id)? else {
            bail!("{} has no content", item.media_id);
        };
        let medium = Medium {
            path: file.path,
            bytes: file.bytes,
            media_type: item.media_type,
            name: item.upload_name,
        };
        files.push(resident.lay_out(&item.media_id, medium));
        ids.push(item.media_id);
    }
    Ok(Ready {
        ids,
        _files: files,
        _residence: residence,
        _bundle: bundle,
        _work: work,
    })
}

/// Sends all commands; gives back when the last one is answered.
pub(crate) async fn run(operator: &Client, names: &Names, ready: &Ready) -> Result<()> {
    let room = AdminRoom::find(operator, names.server_name.as_str()).await?;
    let mut before = None;
    for some in ready.ids.chunks(HALF) {
        let mut last = None;
        for id in some {
            let command = fetch(&names.server_name, id, &names.resident);
            last = Some(
                operator
                    .say(room.id(), &format!("!admin {command}"))
                    .await?,
            );
        }
        if let Some(before) = std::mem::replace(&mut before, last) {
            answered(operator, room.id(), &before).await?;
        }
    }
    match before {
        Some(last) => answered(operator, room.id(), &last).await,
        None => Ok(()),
    }
}

async fn answered(operator: &Client, room: &str, command: &str) -> Result<()> {
    let messages = path("/_matrix/client/v3/rooms", &[room, "messages"]);
    loop {
        let page = operator.get(&format!("{messages}?dir=b&limit=100")).await?;
        let events = page["chunk"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let is_answer = |event: &serde_json::Value| {
            event["content"]["m.relates_to"]["m.in_reply_to"]["event_id"] == command
        };
        if events.iter().any(is_answer) {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
}
