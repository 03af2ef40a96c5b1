//! `push_rules` and `push_rules_enable`: a user's own rules, and what they changed of the default ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    Database, Row,
    batch::{Batch, text},
};
use crate::{
    Result,
    model::push_rules::PushRules,
    source::default_push_rules::{self, DefaultRule},
};

/// A row of `push_rules`.
struct Stored {
    id: String,
    conditions: Value,
    actions: Value,
}

/// What the two tables have of a user.
#[derive(Default)]
struct Rules {
    /// Highest priority first.
    stored: Vec<Stored>,
    enabled: BTreeMap<String, bool>,
}

/// In the shape of `GET /_matrix/client/v3/pushrules/` (`push/clientformat.py`), in order of priority.
pub(super) fn read(batch: &mut Batch, database: &mut Database) -> Result<()> {
    let mut all: BTreeMap<String, Rules> = BTreeMap::new();
    let list = batch.list();
    let sql = format!(
        "SELECT user_name, rule_id, conditions, actions FROM push_rules WHERE user_name IN {list} \
         ORDER BY priority_class DESC, priority DESC, {}",
        database.bytewise("rule_id")
    );
    batch.each(database, "push rule", &sql, |user, row| {
        let rules = all.entry(user.user.user_id.to_string()).or_default();
        rules.stored.push(stored(row)?);
        Ok(())
    })?;
    let sql = format!(
        "SELECT user_name, rule_id, enabled FROM push_rules_enable WHERE user_name IN {list}"
    );
    batch.each(database, "push rule", &sql, |user, row| {
        let rules = all.entry(user.user.user_id.to_string()).or_default();
        let id = text(row, 1, "rule ID")?.to_owned();
        rules.enabled.insert(id, row.flag(2).unwrap_or_default());
        Ok(())
    })?;
    batch.settle("push rule", |user| {
        let mut faults = Vec::new();
        if let Some(rules) = all.remove(user.user.user_id.as_str()) {
            let own = user.user.user_id.localpart().to_owned();
            let id = user.user.user_id.to_string();
            user.push_rules = rules.in_order(&id, &own, &mut faults);
        }
        faults
    });
    Ok(())
}

fn stored(row: &Row<'_>) -> Result<Stored, String> {
    let id = text(row, 1, "rule ID")?;
    let json = |index, name| {
        serde_json::from_str(text(row, index, name)?)
            .map_err(|error| format!("the {name} of {id} are no JSON ({error})"))
    };
    Ok(Stored {
        id: id.to_owned(),
        conditions: json(2, "conditions")?,
        actions: json(3, "actions")?,
    })
}

impl Rules {
    fn in_order(mut self, user: &str, localpart: &str, faults: &mut Vec<String>) -> PushRules {
        let mut rules = PushRules::default();
        let (defaults, own): (Vec<_>, Vec<_>) = self
            .stored
            .into_iter()
            .partition(|rule| is_default(&rule.id));
        let mut actions: BTreeMap<String, Value> = defaults
            .into_iter()
            .map(|rule| (rule.id, rule.actions))
            .collect();
        let mut changed = Vec::new();
        for default in default_push_rules::of(user, localpart) {
            let actions = actions.remove(&default.id);
            let enabled = self.enabled.remove(&default.id);
            changed.extend(default.changed(actions, enabled));
        }
        let (first, last): (Vec<_>, Vec<_>) = changed
            .into_iter()
            .partition(|(default, _)| default.is_first);
        for (default, rule) in first {
            put(&mut rules, &default.id, rule, faults);
        }
        for rule in own {
            let enabled = self.enabled.remove(&rule.id).unwrap_or(true);
            match own_rule(&rule, enabled) {
                Ok(shown) => put(&mut rules, &rule.id, shown, faults),
                Err(reason) => faults.push(reason),
            }
        }
        for (default, rule) in last {
            put(&mut rules, &default.id, rule, faults);
        }
        // Default rules of another Synapse than this list is of: only what was changed is known.
        let mut others: BTreeMap<String, (Option<Value>, Option<bool>)> = BTreeMap::new();
        for (id, actions) in actions {
            others.entry(id).or_default().0 = Some(actions);
        }
        for (id, enabled) in self.enabled.into_iter().filter(|(id, _)| is_default(id)) {
            others.entry(id).or_default().1 = Some(enabled);
        }
        for (id, (actions, enabled)) in others {
            let rule = DefaultRule::unknown(&id).with(actions, enabled);
            put(&mut rules, &id, rule, faults);
        }
        rules
    }
}

/// `global/<kind>/<rule>` whose rule begins with a dot.
fn is_default(id: &str) -> bool {
    rule_name(id).starts_with('.')
}

fn rule_name(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn put(rules: &mut PushRules, id: &str, rule: Map<String, Value>, faults: &mut Vec<String>) {
    let list = match id.split('/').nth(1) {
        Some("override") => &mut rules.override_,
        Some("content") => &mut rules.content,
        Some("room") => &mut rules.room,
        Some("sender") => &mut rules.sender,
        Some("underride") => &mut rules.underride,
        _ => {
            faults.push(format!("{id} is of an unknown kind"));
            return;
        }
    };
    list.push(Value::Object(rule));
}

/// The stored form has conditions where the kind says it all; they are left out then, and the ID is that of the
/// room or the sender.
fn own_rule(rule: &Stored, enabled: bool) -> Result<Map<String, Value>, String> {
    let pattern = || {
        rule.conditions[0]["pattern"]
            .as_str()
            .map(Value::from)
            .ok_or_else(|| format!("{} has no pattern", rule.id))
    };
    let mut shown = Map::new();
    let mut name = Value::from(rule_name(&rule.id));
    match rule.id.split('/').nth(1) {
        Some("room" | "sender") => name = pattern()?,
        Some("content") => drop(shown.insert("pattern".to_owned(), pattern()?)),
        _ => {
            let mut conditions = rule.conditions.clone();
            for condition in conditions.as_array_mut().into_iter().flatten() {
                if let Value::Object(condition) = condition {
                    condition.remove("_cache_key");
                }
            }
            shown.insert("conditions".to_owned(), conditions);
        }
    }
    shown.insert("rule_id".to_owned(), name);
    shown.insert("default".to_owned(), false.into());
    shown.insert("enabled".to_owned(), enabled.into());
    shown.insert("actions".to_owned(), rule.actions.clone());
    Ok(shown)
}
