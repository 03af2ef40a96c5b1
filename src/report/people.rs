//! What is to be done about users beyond their accounts.

use std::fmt::Write;

use super::text::{code, count, len, number_of};
use crate::migration::plan::{People, Plan};

/// For the plan's summary.
#[must_use]
pub fn lines(plan: &Plan) -> String {
    let people = &plan.people;
    let mut text = String::new();
    let mut line = |line: String| {
        let _infallible = writeln!(text, "- {line}");
    };
    if people.lacks_own {
        line(
            "**the bundle has no key backups, push rules, tags and read receipts, and no whole encryption identity**, for it was exported by API and not as the users: export from the database or with `--act-as-users`, or nobody's recovery key opens anything afterwards"
                .to_owned(),
        );
    }
    if !people.there.is_empty() {
        line(format!(
            "{} there already: the password stays, the rest is carried",
            count(people.there.len() as u64, "account is", "accounts are")
        ));
    }
    if !people.admins.is_empty() {
        let admins = |one: &'static str, more: &'static str| count(len(&people.admins), one, more);
        line(if plan.admins {
            admins(
                "admin of Synapse becomes one here",
                "admins of Synapse become admins here",
            )
        } else {
            format!(
                "{} over without admin rights, unless you import with `--admins`",
                admins("admin of Synapse comes", "admins of Synapse come")
            )
        });
    }
    if people.with_email > 0 {
        let users = count(people.with_email, "user has", "users have");
        let fate = if plan.target.holds_addresses() {
            "it is carried"
        } else {
            "this target can't hold it, so nobody can set a new password without an admin"
        };
        line(format!("{users} an e-mail address: {fate}"));
    }
    if people.with_phone > 0 {
        let users = count(people.with_phone, "user has", "users have");
        line(format!(
            "{users} a telephone number, which the target can't hold"
        ));
    }
    for (provider, users) in &people.sign_on {
        line(format!(
            "{} in through {}: set up the same provider in the target's configuration, and see `sign-on`, or it refuses them",
            count(*users, "user logs", "users log"),
            code(provider)
        ));
    }
    if !people.services.is_empty() {
        let users = people.services.values().map(|service| service.users).sum();
        line(format!(
            "{} with {} on Synapse: hand each one's registration file to the target, too (the report lists them)",
            count(
                people.services.len() as u64,
                "application service",
                "application services"
            ),
            count(users, "user", "users")
        ));
    }
    text
}

/// For the plan's file: each application service.
#[must_use]
pub fn services(people: &People) -> String {
    if people.services.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "\n## Application services\n\nTheir users come over with their memberships, and nobody is given a password for them. Hand the registration file of each one that goes on to the target (`!admin appservices register`) with the namespaces that it had, before or after the import; change the homeserver's address in its own configuration, and start it after the switch.\n\n| service | users | their names begin with | rooms | aliases that begin so |\n|---|---|---|---|---|\n",
    );
    for (id, service) in &people.services {
        let prefix = if service.prefix.is_empty() {
            "–".to_owned()
        } else {
            code(&service.prefix)
        };
        let _infallible = writeln!(
            text,
            "| {} | {} | {prefix} | {} | {} |",
            code(id),
            number_of(service.users),
            number_of(service.rooms),
            number_of(service.aliases)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{migration::people::Service, model::abilities::Abilities};

    fn plan(software: &str, admins: bool) -> Plan {
        Plan {
            target: Abilities {
                software: software.to_owned(),
                ..Plan::sample().target
            },
            people: People {
                admins: vec!["@anna:ferry.test".try_into().unwrap()],
                with_email: 12,
                with_phone: 1,
                sign_on: [("oidc-keycloak".to_owned(), 7)].into(),
                services: [
                    (
                        "telegram".to_owned(),
                        Service {
                            users: 120,
                            prefix: "telegram_".to_owned(),
                            rooms: 14,
                            aliases: 3,
                        },
                    ),
                    (
                        "hookshot".to_owned(),
                        Service {
                            users: 1,
                            rooms: 2,
                            ..Service::default()
                        },
                    ),
                ]
                .into(),
                lacks_own: !admins,
                there: ["@anna:ferry.test".try_into().unwrap()].into(),
            },
            admins,
            ..Plan::sample()
        }
    }

    #[test]
    fn what_is_to_be_done_about_users() {
        insta::assert_snapshot!(lines(&plan("Tuwunel 1.4.6", false)), @r"
        - **the bundle has no key backups, push rules, tags and read receipts, and no whole encryption identity**, for it was exported by API and not as the users: export from the database or with `--act-as-users`, or nobody's recovery key opens anything afterwards
        - 1 account is there already: the password stays, the rest is carried
        - 1 admin of Synapse comes over without admin rights, unless you import with `--admins`
        - 12 users have an e-mail address: this target can't hold it, so nobody can set a new password without an admin
        - 1 user has a telephone number, which the target can't hold
        - 7 users log in through `oidc-keycloak`: set up the same provider in the target's configuration, and see `sign-on`, or it refuses them
        - 2 application services with 121 users on Synapse: hand each one's registration file to the target, too (the report lists them)
        ");
        insta::assert_snapshot!(lines(&plan("Tuwunel 1.9.0", true)), @r"
        - 1 account is there already: the password stays, the rest is carried
        - 1 admin of Synapse becomes one here
        - 12 users have an e-mail address: it is carried
        - 1 user has a telephone number, which the target can't hold
        - 7 users log in through `oidc-keycloak`: set up the same provider in the target's configuration, and see `sign-on`, or it refuses them
        - 2 application services with 121 users on Synapse: hand each one's registration file to the target, too (the report lists them)
        ");
        let mut nobody = plan("Tuwunel 1.9.0", true);
        nobody.people = People::default();
        assert_eq!(lines(&nobody), "");
    }

    #[test]
    fn application_services_are_listed() {
        insta::assert_snapshot!(services(&plan("Tuwunel 1.4.6", false).people), @r"

        ## Application services

        Their users come over with their memberships, and nobody is given a password for them. Hand the registration file of each one that goes on to the target (`!admin appservices register`) with the namespaces that it had, before or after the import; change the homeserver's address in its own configuration, and start it after the switch.

        | service | users | their names begin with | rooms | aliases that begin so |
        |---|---|---|---|---|
        | `hookshot` | 1 | – | 2 | 0 |
        | `telegram` | 120 | `telegram_` | 14 | 3 |
        ");
        assert_eq!(services(&People::default()), "");
    }
}
