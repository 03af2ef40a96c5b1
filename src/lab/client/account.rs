//! What a user does to the own account.

use serde_json::{Value, json};

use super::{Client, v3};
use crate::lab::Result;

impl Client {
    /// Changes the display name everywhere.
    pub async fn set_displayname(&self, name: &str) -> Result<()> {
        let path = v3(&["profile", self.user_id(), "displayname"]);
        self.put(&path, &json!({ "displayname": name })).await?;
        Ok(())
    }

    /// Changes the picture everywhere.
    pub async fn set_avatar(&self, uri: &str) -> Result<()> {
        let path = v3(&["profile", self.user_id(), "avatar_url"]);
        self.put(&path, &json!({ "avatar_url": uri })).await?;
        Ok(())
    }

    /// Anybody's profile.
    pub async fn profile(&self, user_id: &str) -> Result<Value> {
        self.get(&v3(&["profile", user_id])).await
    }

    /// Replaces one kind of the global account data.
    pub async fn set_account_data(&self, kind: &str, content: &Value) -> Result<()> {
        let path = v3(&["user", self.user_id(), "account_data", kind]);
        self.put(&path, content).await?;
        Ok(())
    }

    /// The rooms that the user is in.
    pub async fn joined_rooms(&self) -> Result<Vec<String>> {
        let answer = self.get(&v3(&["joined_rooms"])).await?;
        Ok(answer["joined_rooms"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|room| room.as_str().map(str::to_owned))
            .collect())
    }
}
