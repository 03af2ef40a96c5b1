//! The old server's keys: known, other ones than the target's own, and the one that is lent.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{Found, bundle::Looked, target::Reached};
use crate::{
    engine::Engine,
    migration::check::What,
    resident::{OldServer, notary},
};

pub(super) fn look(
    engine: &Engine,
    published: Option<&Result<Box<RawValue>, String>>,
    bundle: Option<&Looked>,
    target: Option<&Reached>,
    found: &mut Found,
) {
    let name = engine.config.source_name();
    // An import takes them from its bundle; before there is one, an export will ask for them. An old server whose name stays
    // with it vouches for them itself.
    let objects = match (bundle, published) {
        (Some(bundle), _) => bundle.keys.get(name).cloned().ok_or_else(|| {
            format!("the bundle has no signing key of {name}: let synapse.url serve /_matrix/key/v2/server, and export again")
        }),
        (None, Some(Ok(object))) => Ok(vec![object.clone()]),
        (None, Some(Err(reason))) => Err(reason.clone()),
        // Synapse doesn't answer, which is told already.
        (None, None) => return,
    };
    let objects = match objects {
        Ok(objects) => objects,
        Err(_) if engine.config.renames() => return,
        Err(reason) => {
            found.add(What::OldKeysUnknown { reason });
            return;
        }
    };
    let keys: Vec<_> = objects
        .iter()
        .filter_map(|object| notary::all_keys(object).ok())
        .flat_map(|keys| keys.current.into_iter().chain(keys.old))
        .map(|(_, key)| key)
        .collect();
    found.add(What::OldKeys {
        count: keys.len() as u64,
    });
    if target.is_some_and(|target| target.keys.values().any(|key| keys.contains(key))) {
        found.add(What::TargetIsSource {
            url: engine.config.target.url.clone(),
        });
    }
    // Receipts don't go to another name.
    let path = &engine.config.synapse.signing_key_for_receipts;
    if let Some(path) = path.as_ref().filter(|_| !engine.config.renames()) {
        let clock = Arc::clone(&engine.clock);
        let url = &engine.config.target.url;
        found.add(
            match OldServer::load(path, name.clone(), &objects, clock, url) {
                Ok(_) => What::ReceiptsKey,
                Err(error) => What::ReceiptsKeyUnusable {
                    reason: error.to_string(),
                },
            },
        );
    }
}
