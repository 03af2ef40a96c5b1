//! Push rules: the user's own in their order, and what they changed of the default ones.

mod order;

use ruma::UserId;
use serde_json::{Map, Value};

use super::refused::Refused;
use crate::{
    Error, Result,
    migration::outcome::Comparison,
    model::push_rules::{
        PushRules,
        meaning::{Actions, Body},
    },
    target::Target,
};

/// How a refused one is told.
pub(super) const KIND: &str = "the push rule";
use order::{Change, changes, id, is_default};

/// Makes the rules be as they were, and reads them again in between: a rule that is made anew is on, whatever it was.
pub(super) async fn set(
    target: &Target,
    user: &UserId,
    wanted: &PushRules,
    refused: &mut Refused,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let there = target.push_rules(user).await?;
    for ((kind, wanted), (_, there)) in wanted.kinds().into_iter().zip(there.kinds()) {
        own(target, user, (kind, wanted, there), refused).await?;
    }
    let there = target.push_rules(user).await?;
    for ((kind, wanted), (_, there)) in wanted.kinds().into_iter().zip(there.kinds()) {
        for rule in wanted {
            let Some(other) = there.iter().find(|other| id(other) == id(rule)) else {
                continue;
            };
            let what = (kind, id(rule));
            let name = || name(kind, rule);
            if let Some(enabled) = rule["enabled"].as_bool()
                && other["enabled"] != enabled
            {
                refused.note(name, target.enable_push_rule(user, what, enabled).await)?;
            }
            if differs(rule, other) && is_default(rule) {
                let actions = actions(rule);
                let set = target.set_push_rule_actions(user, what, &actions).await;
                refused.note(name, set)?;
            }
        }
    }
    Ok(())
}

async fn own(
    target: &Target,
    user: &UserId,
    (kind, wanted, there): (&'static str, &[Value], &[Value]),
    refused: &mut Refused,
) -> Result<()> {
    for change in changes(wanted, there) {
        match change {
            Change::Delete(rule) => match target.delete_push_rule(user, (kind, rule)).await {
                // Gone already: an earlier try has done it.
                Err(Error::Answer { status: 404, .. }) => {}
                other => other?,
            },
            Change::Put(rule) => {
                let body = body(rule);
                let what = (kind, id(rule));
                let put = target.put_push_rule(user, what, &body).await;
                let is_there = refused.note(|| name(kind, rule), put)?;
                // It was deleted to be moved: better the one of before than none.
                let before = there.iter().find(|other| id(other) == id(rule));
                if let (false, Some(before)) = (is_there, before) {
                    let put = target.put_push_rule(user, what, &self::body(before)).await;
                    refused.note(|| name(kind, before), put)?;
                }
            }
        }
    }
    Ok(())
}

/// Compares what the user wanted with what is there.
pub(super) async fn compare(
    target: &Target,
    user: &UserId,
    wanted: &PushRules,
    comparison: &mut Comparison,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let there = target.push_rules(user).await?;
    for ((kind, wanted), (_, there)) in wanted.kinds().into_iter().zip(there.kinds()) {
        for rule in wanted {
            comparison.expected += 1;
            let name = format!("{user}: {}", name(kind, rule));
            match there.iter().find(|other| id(other) == id(rule)) {
                None if is_default(rule) => {
                    let reason = "the target has no such default rule";
                    comparison.known.push(format!("{name}: {reason}"));
                }
                None => comparison.differences.push(format!("{name} is missing")),
                Some(other) => match difference(rule, other) {
                    None => comparison.equal += 1,
                    Some(what) => comparison.differences.push(format!("{name} {what}")),
                },
            }
        }
        let own = |rules: &[Value]| -> Vec<String> {
            let own = rules.iter().filter(|rule| !is_default(rule));
            own.map(|rule| id(rule).to_owned()).collect()
        };
        let (wanted, mut there) = (own(wanted), own(there));
        there.retain(|rule| wanted.contains(rule));
        if there.len() == wanted.len() && there != wanted {
            let order = format!("{user}: the push rules of kind {kind} come in another order");
            comparison.differences.push(order);
        }
    }
    Ok(())
}

fn difference(rule: &Value, other: &Value) -> Option<&'static str> {
    match rule["enabled"].as_bool() {
        Some(true) if other["enabled"] != true => return Some("is switched off"),
        Some(false) if other["enabled"] != false => return Some("is switched on"),
        _ => {}
    }
    if is_default(rule) {
        return differs(rule, other).then_some("does something else");
    }
    let same = Body::of(rule) == Body::of(other);
    (!same).then_some("says something else")
}

/// Whether another thing is done; of some default rules the bundle doesn't know what.
fn differs(rule: &Value, other: &Value) -> bool {
    let actions = |rule: &Value| Actions::of(&rule["actions"]);
    rule.get("actions").is_some() && actions(rule) != actions(other)
}

fn name(kind: &str, rule: &Value) -> String {
    format!("{KIND} {} of kind {kind}", id(rule))
}

/// What a request to make the rule has in it.
fn body(rule: &Value) -> Value {
    let fields = ["conditions", "pattern"];
    let fields = fields.into_iter().filter_map(|field| {
        let value = rule.get(field)?;
        Some((field.to_owned(), value.clone()))
    });
    let mut body: Map<String, Value> = fields.collect();
    body.insert("actions".to_owned(), actions(rule));
    Value::Object(body)
}

/// Without those that say nothing: not every server knows them.
fn actions(rule: &Value) -> Value {
    let actions = rule["actions"].as_array().into_iter().flatten();
    let said = actions.filter(|action| *action != "dont_notify" && *action != "coalesce");
    said.cloned().collect()
}
