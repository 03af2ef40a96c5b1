//! What the target was told for the migration only, as far as that can be seen.

use super::{bad, good};
use crate::{Result, engine::Engine, migration::outcome::Finding};

impl Engine {
    /// Looks whether strangers can make accounts on the target. Its other settings can't be seen.
    pub async fn settings_are_lifted(&self) -> Result<Vec<Finding>> {
        let target = self.target()?.hurried();
        let name = "registration";
        Ok(vec![match target.lets_strangers_in().await? {
            None => good(name, "nobody can make an account".to_owned()),
            Some(what) => bad(
                name,
                format!(
                    "{what}: set `allow_registration = false` and restart Tuwunel; if you want it like this, go on with `--accept`"
                ),
            ),
        }])
    }
}
