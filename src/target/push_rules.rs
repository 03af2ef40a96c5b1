//! A user's push rules, one by one.

use ruma::UserId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Anything, Target};
use crate::{
    Result,
    http::{Request, encode},
    model::push_rules::PushRules,
};

#[derive(Debug, Deserialize)]
struct Answer {
    global: PushRules,
}

fn path(kind: &str, rule: &str) -> String {
    format!(
        "/_matrix/client/v3/pushrules/global/{kind}/{}",
        encode(rule)
    )
}

impl Target {
    /// All rules, default ones included, in order of priority.
    pub async fn push_rules(&self, user: &UserId) -> Result<PushRules> {
        let request = Request::get("/_matrix/client/v3/pushrules/");
        let answer: Answer = self
            .puppets_http
            .send(&Self::as_user(request, user))
            .await?;
        Ok(answer.global)
    }

    /// Makes a rule, before all others of the user's own. `body` has its actions, and conditions or pattern.
    ///
    /// One that is there keeps its switch; where it then stands differs between servers.
    pub async fn put_push_rule(
        &self,
        user: &UserId,
        (kind, rule): (&str, &str),
        body: &Value,
    ) -> Result<()> {
        self.change(user, Request::put(path(kind, rule), body))
            .await
    }

    /// Removes a rule.
    pub async fn delete_push_rule(&self, user: &UserId, (kind, rule): (&str, &str)) -> Result<()> {
        let request = Request::new(reqwest::Method::DELETE, path(kind, rule));
        self.change(user, request).await
    }

    /// Switches a rule on or off.
    pub async fn enable_push_rule(
        &self,
        user: &UserId,
        (kind, rule): (&str, &str),
        enabled: bool,
    ) -> Result<()> {
        let path = format!("{}/enabled", path(kind, rule));
        let request = Request::put(path, &json!({ "enabled": enabled }));
        self.change(user, request).await
    }

    /// Sets what a rule does.
    pub async fn set_push_rule_actions(
        &self,
        user: &UserId,
        (kind, rule): (&str, &str),
        actions: &Value,
    ) -> Result<()> {
        let path = format!("{}/actions", path(kind, rule));
        let request = Request::put(path, &json!({ "actions": actions }));
        self.change(user, request).await
    }

    async fn change(&self, user: &UserId, request: Request) -> Result<()> {
        self.puppets_http
            .send::<Anything>(&Self::as_user(request, user))
            .await?;
        Ok(())
    }
}
