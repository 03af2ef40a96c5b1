//! Own rules and changed defaults.

use super::*;

#[test]
fn push_rules_in_order_of_priority() {
    let anna = anna();
    insta::assert_json_snapshot!(anna["push_rules"], @r#"
    {
      "content": [
        {
          "actions": [
            "notify"
          ],
          "default": false,
          "enabled": true,
          "pattern": "ferry",
          "rule_id": "word"
        }
      ],
      "override": [
        {
          "actions": [],
          "conditions": [],
          "default": true,
          "enabled": true,
          "rule_id": ".m.rule.master"
        },
        {
          "actions": [],
          "conditions": [],
          "default": false,
          "enabled": true,
          "rule_id": "high"
        },
        {
          "actions": [
            "notify"
          ],
          "conditions": [
            {
              "key": "type",
              "kind": "event_match",
              "pattern": "m"
            }
          ],
          "default": false,
          "enabled": false,
          "rule_id": "low"
        },
        {
          "actions": [
            "notify"
          ],
          "conditions": [
            {
              "key": "content.msgtype",
              "kind": "event_match",
              "pattern": "m.notice"
            }
          ],
          "default": true,
          "enabled": true,
          "rule_id": ".m.rule.suppress_notices"
        }
      ],
      "room": [
        {
          "actions": [
            "dont_notify"
          ],
          "default": false,
          "enabled": true,
          "rule_id": "!r:x"
        }
      ],
      "sender": [
        {
          "actions": [],
          "default": false,
          "enabled": true,
          "rule_id": "@spam:x"
        }
      ],
      "underride": [
        {
          "actions": [
            "notify"
          ],
          "default": true,
          "rule_id": ".org.example.new"
        }
      ]
    }
    "#);
}
