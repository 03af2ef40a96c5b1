//! Who logs in by single sign-on, and the commands by which Tuwunel knows them again. No I/O.
//!
//! Tuwunel (from 1.5 on) lets a provider's user into an account that exists only if it was told beforehand
//! (`src/admin/query/oauth/associate.rs`), or if the provider is trusted and the names agree
//! (`src/api/client/session/sso.rs`). What it was told it keeps in memory until that user's first login, so it has to be
//! told at each start: `admin_execute` of its configuration does that.

use std::collections::{BTreeMap, BTreeSet};

use ruma::OwnedUserId;
use serde::{Deserialize, Serialize};

use super::{plan::UserAction, planner};
use crate::{Error, Result, bundle::Bundle, model::provider_pair::Pair};

/// A link of Synapse's, as the bundle has it.
#[derive(Debug, Deserialize)]
struct Link {
    auth_provider: String,
    external_id: String,
}

/// What comes of the bundle's links.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SignOn {
    /// Users of each provider, by Synapse's name of it.
    pub providers: BTreeMap<String, u64>,
    /// Users who have a command, by Synapse's name of the provider.
    pub linked: BTreeMap<String, BTreeSet<OwnedUserId>>,
    /// One of Tuwunel's commands for each link.
    pub commands: Vec<String>,
    /// Users for whom there is none, and why.
    pub left: Vec<(OwnedUserId, String)>,
}

impl SignOn {
    /// Reads the links of all users who are carried over; `own` as for the plan.
    pub fn read(bundle: &Bundle, own: &[OwnedUserId], pairs: &[Pair], claim: &str) -> Result<Self> {
        check(pairs, claim)?;
        let mut all = Self::default();
        for user in bundle.users()? {
            if planner::plan_user(&user, bundle.server_name(), own).action != UserAction::Carry {
                continue;
            }
            for link in &user.external_ids {
                all.link(&user.user_id, Link::deserialize(link).ok(), pairs, claim);
            }
        }
        let unknown = pairs
            .iter()
            .find(|pair| !all.providers.contains_key(&pair.synapse));
        match unknown {
            Some(pair) => Err(Error::Usage(format!(
                "nobody in the bundle logs in through {}: `sign-on` without a provider lists the names that Synapse has",
                pair.synapse
            ))),
            None => Ok(all),
        }
    }

    fn link(&mut self, user: &OwnedUserId, link: Option<Link>, pairs: &[Pair], claim: &str) {
        let Some(Link {
            auth_provider,
            external_id,
        }) = link
        else {
            self.left
                .push((user.clone(), "the link can't be read".to_owned()));
            return;
        };
        *self.providers.entry(auth_provider.clone()).or_default() += 1;
        let Some(pair) = pairs.iter().find(|pair| pair.synapse == auth_provider) else {
            return;
        };
        if !is_one_word(&external_id) || !is_one_word(user.as_str()) {
            let reason = format!(
                "has an ID with {} that can't be a part of a command",
                pair.synapse
            );
            self.left.push((user.clone(), reason));
            return;
        }
        // A second one would replace the first.
        if !self
            .linked
            .entry(auth_provider)
            .or_default()
            .insert(user.clone())
        {
            let reason = format!("has two IDs with {}: the target takes one", pair.synapse);
            self.left.push((user.clone(), reason));
            return;
        }
        self.commands.push(format!(
            "query oauth associate {} {user} --claim {claim}={external_id}",
            pair.target
        ));
    }

    /// What goes into Tuwunel's configuration, in TOML.
    #[must_use]
    pub fn settings(&self) -> String {
        let lines: Vec<_> = self
            .commands
            .iter()
            .map(|command| format!("  {},\n", toml::Value::from(command.as_str())))
            .collect();
        format!(
            "# Into [global] of Tuwunel's configuration, until everybody named here has logged in once.\n\
             # Whoever has logged in is linked for good, and the command fails from then on: that must not stop Tuwunel.\n\
             admin_execute_errors_ignore = true\n\
             admin_execute = [\n{}]\n",
            lines.concat()
        )
    }
}

fn check(pairs: &[Pair], claim: &str) -> Result<()> {
    let mut names = BTreeSet::new();
    for pair in pairs {
        if !is_one_word(&pair.target) || pair.target.starts_with('-') {
            return Err(Error::Usage(format!(
                "{:?} can't be a part of a command: give the client_id that Tuwunel's configuration has",
                pair.target
            )));
        }
        if !names.insert(&pair.synapse) {
            return Err(Error::Usage(format!(
                "{} is named twice: give it one provider of the target",
                pair.synapse
            )));
        }
    }
    if is_one_word(claim) && !claim.contains('=') {
        Ok(())
    } else {
        Err(Error::Usage(format!(
            "{claim:?} is no name of a claim: write it as sub or email"
        )))
    }
}

/// Tuwunel takes a command apart at blanks, whatever quotes there are (`src/service/admin/processor.rs`).
fn is_one_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|sign: char| sign.is_whitespace() || sign.is_control())
}

#[cfg(test)]
mod tests {
    use ruma::user_id;

    use super::*;

    fn linked(links: &[(&str, &str)], pairs: &[&str]) -> SignOn {
        let pairs: Vec<Pair> = pairs.iter().map(|pair| pair.parse().unwrap()).collect();
        let mut all = SignOn::default();
        for (provider, id) in links {
            let link = Link {
                auth_provider: (*provider).to_owned(),
                external_id: (*id).to_owned(),
            };
            all.link(&user_id!("@anna:x").to_owned(), Some(link), &pairs, "sub");
        }
        all
    }

    #[test]
    fn each_link_is_a_command() {
        let all = linked(
            &[("oidc-a", r#"12|"3\4"#), ("saml", "Änne")],
            &["oidc-a=one", "saml=two"],
        );
        assert_eq!(all.left, []);
        insta::assert_snapshot!(all.settings(), @r#"
        # Into [global] of Tuwunel's configuration, until everybody named here has logged in once.
        # Whoever has logged in is linked for good, and the command fails from then on: that must not stop Tuwunel.
        admin_execute_errors_ignore = true
        admin_execute = [
          'query oauth associate one @anna:x --claim sub=12|"3\4',
          "query oauth associate two @anna:x --claim sub=Änne",
        ]
        "#);
        let read: toml::Table = all.settings().parse().unwrap();
        let commands = read["admin_execute"].as_array().unwrap();
        let commands: Vec<_> = commands.iter().map(|it| it.as_str().unwrap()).collect();
        assert_eq!(commands, all.commands);
    }

    #[test]
    fn what_has_no_command_is_told() {
        let links = [
            ("oidc-a", "a b"),
            ("oidc-b", "1"),
            ("oidc-b", "2"),
            ("oidc-c", "3"),
        ];
        let mut all = linked(&links, &["oidc-a=one", "oidc-b=two"]);
        all.link(&user_id!("@ben:x").to_owned(), None, &[], "sub");
        assert_eq!(
            all.commands,
            ["query oauth associate two @anna:x --claim sub=1"]
        );
        let left: Vec<_> = all
            .left
            .iter()
            .map(|(user, why)| format!("{user} {why}"))
            .collect();
        insta::assert_snapshot!(left.join("\n"), @r"
        @anna:x has an ID with oidc-a that can't be a part of a command
        @anna:x has two IDs with oidc-b: the target takes one
        @ben:x the link can't be read
        ");
        let counts: Vec<_> = all.providers.into_iter().collect();
        assert_eq!(
            counts,
            [
                ("oidc-a".into(), 1),
                ("oidc-b".into(), 2),
                ("oidc-c".into(), 1)
            ]
        );
    }

    #[test]
    fn odd_words_are_refused() {
        let said = |pairs: &[&str], claim: &str| {
            let pairs: Vec<Pair> = pairs.iter().map(|pair| pair.parse().unwrap()).collect();
            check(&pairs, claim).unwrap_err().to_string()
        };
        let lines = [
            said(&["a=b c"], "sub"),
            said(&["a=b", "a=c"], "sub"),
            said(&["a=b"], "x=y"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        "b c" can't be a part of a command: give the client_id that Tuwunel's configuration has
        a is named twice: give it one provider of the target
        "x=y" is no name of a claim: write it as sub or email
        "#);
    }
}
