//! The doctor on an installation that was set up as the README says.

use ferryman::{demo::stage::Stage, migration::outcome::Health};

use crate::targets::{Target, each_target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_installation_is_sound() {
    each_target("doctor", async |target| {
        let stage = Stage::set(target == Target::Tuwunel).await.unwrap();
        let findings = stage.engine().doctor().await;
        for finding in &findings {
            eprintln!("{finding:?}");
            let expected = match (target, finding.check.as_str()) {
                // Nobody runs `ferryman run` here.
                (Target::StandIn, "admin") | (_, "ping") => Health::Warning,
                _ => Health::Good,
            };
            assert_eq!(finding.state, expected, "{finding:?}");
        }
        assert_eq!(findings.len(), 7);
    })
    .await;
}
