//! Ferryman without anybody who looks: lines of JSON, health, metrics, and what it tells systemd.

mod lines;
