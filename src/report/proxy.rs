//! What to write into the reverse proxy's configuration for the last steps.

use std::fmt::Write;

use super::text::code;
use crate::config::{Config, Proxy};

/// What whoever writes meanwhile is told. In every template it stands between quotes or backticks, so it has none but JSON's.
const MESSAGE: &str = r#"{"errcode":"M_UNKNOWN","error":"This server is moving to new software. You can read; please write again in a little while."}"#;

/// The lines that answer every write with a 503 and a kind message.
#[must_use]
pub fn freeze_lines(proxy: Proxy) -> String {
    match proxy {
        Proxy::Nginx => include_str!("proxy/nginx-freeze.conf"),
        Proxy::Caddy => include_str!("proxy/caddy-freeze.conf"),
        Proxy::Haproxy => include_str!("proxy/haproxy-freeze.conf"),
        Proxy::Traefik => include_str!("proxy/traefik-freeze.yaml"),
    }
    .replace("{MESSAGE}", MESSAGE)
}

/// The lines that hand everything to Tuwunel, by both servers' addresses as Ferryman knows them.
#[must_use]
pub fn switch_lines(proxy: Proxy, synapse: &str, tuwunel: &str) -> String {
    match proxy {
        Proxy::Nginx => include_str!("proxy/nginx-switch.conf"),
        Proxy::Caddy => include_str!("proxy/caddy-switch.conf"),
        Proxy::Haproxy => include_str!("proxy/haproxy-switch.conf"),
        Proxy::Traefik => include_str!("proxy/traefik-switch.yaml"),
    }
    .replace("SYNAPSE_ADDRESS", address(synapse))
    .replace("TUWUNEL_ADDRESS", address(tuwunel))
    .replace("SYNAPSE", synapse)
    .replace("TUWUNEL", tuwunel)
}

/// How to close the doors.
#[must_use]
pub fn freeze(config: &Config, proxy: Option<Proxy>) -> String {
    let Some(proxy) = proxy.or(config.public.proxy) else {
        return unknown("freeze");
    };
    let place = match proxy {
        Proxy::Nginx => {
            "Write this into `/etc/nginx/snippets/ferryman-freeze.conf`, and `include snippets/ferryman-freeze.conf;` into each `server` block in which clients or other servers come in"
        }
        Proxy::Caddy => {
            "Write this at the beginning of each site block in which clients or other servers come in"
        }
        Proxy::Haproxy => {
            "Write this into each `frontend` in which clients or other servers come in, before the first `http-request` and `use_backend`"
        }
        Proxy::Traefik => {
            "Write this into a file of Traefik's file provider, with `tls` and entry points as your other routers have them"
        }
    };
    block(place, proxy, &freeze_lines(proxy))
}

/// How to open them again.
#[must_use]
pub fn unfreeze(config: &Config, proxy: Option<Proxy>) -> String {
    let Some(proxy) = proxy.or(config.public.proxy) else {
        return "Take the freeze's lines out of the proxy's configuration, and reload it."
            .to_owned();
    };
    let what = match proxy {
        Proxy::Nginx => "the lines `include snippets/ferryman-freeze.conf;`",
        Proxy::Caddy => "`@ferryman` and `handle @ferryman { … }`",
        Proxy::Haproxy => "the four lines with `ferryman_`",
        Proxy::Traefik => "the file with `ferryman-freeze`",
    };
    format!("Take {what} out again, {}.", reload(proxy))
}

/// How to hand everything to Tuwunel.
#[must_use]
pub fn switch(config: &Config, proxy: Option<Proxy>) -> String {
    let (synapse, tuwunel) = (&config.synapse.url, &config.target.url);
    let Some(proxy) = proxy.or(config.public.proxy) else {
        return format!(
            "Let the proxy hand `/_matrix` and `/_tuwunel` to {} instead of {}, for clients and for other servers.\n\n{}",
            code(tuwunel),
            code(synapse),
            unknown("cutover")
        );
    };
    let lines = switch_lines(proxy, synapse, tuwunel);
    block("Change the proxy", proxy, &lines)
}

/// How to hand everything to Synapse again.
#[must_use]
pub fn back(config: &Config, proxy: Option<Proxy>) -> String {
    let how = match proxy.or(config.public.proxy) {
        Some(proxy) => reload(proxy),
        None => "and reload it".to_owned(),
    };
    format!(
        "Let the proxy hand everything to {} again instead of {}, {how}.",
        code(&config.synapse.url),
        code(&config.target.url)
    )
}

fn block(place: &str, proxy: Proxy, lines: &str) -> String {
    let language = if proxy == Proxy::Traefik {
        "yaml"
    } else {
        "text"
    };
    let mut text = format!("{place}, {}:\n\n```{language}\n", reload(proxy));
    let _infallible = write!(text, "{lines}```");
    text
}

fn reload(proxy: Proxy) -> String {
    match proxy {
        Proxy::Nginx => "and `nginx -t && nginx -s reload`",
        Proxy::Caddy => "and `caddy reload --config /etc/caddy/Caddyfile`",
        Proxy::Haproxy => "and `systemctl reload haproxy`",
        Proxy::Traefik => "which Traefik reads by itself",
    }
    .to_owned()
}

fn unknown(command: &str) -> String {
    let names: Vec<_> = Proxy::ALL.iter().map(|proxy| code(proxy.name())).collect();
    format!(
        "With the proxy's name the lines for its configuration come here: {} (one of {}), or once for all `public.proxy` in Ferryman's configuration.",
        code(&format!("{command} --proxy NAME")),
        names.join(", ")
    )
}

/// `host:port` of a base URL.
fn address(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sample;

    #[test]
    fn the_message_is_json_and_breaks_no_quotes() {
        serde_json::from_str::<serde_json::Value>(MESSAGE).unwrap();
        assert!(!MESSAGE.contains(['\'', '`', '\\']));
        for proxy in Proxy::ALL {
            let lines = freeze_lines(proxy);
            assert_eq!(lines.contains(MESSAGE), proxy != Proxy::Traefik, "{lines}");
            assert!(!lines.contains("{MESSAGE}"));
        }
    }

    #[test]
    fn each_proxy_gets_its_lines() {
        let config = sample("data".as_ref());
        let all = Proxy::ALL.map(|proxy| {
            format!(
                "{}\n\n{}\n\n{}",
                freeze(&config, Some(proxy)),
                switch(&config, Some(proxy)),
                unfreeze(&config, Some(proxy))
            )
        });
        insta::assert_snapshot!(all.join("\n\n----\n\n"), @r#"
        Write this into `/etc/nginx/snippets/ferryman-freeze.conf`, and `include snippets/ferryman-freeze.conf;` into each `server` block in which clients or other servers come in, and `nginx -t && nginx -s reload`:

        ```text
        # /etc/nginx/snippets/ferryman-freeze.conf
        set $ferryman "";
        if ($request_method !~ "^(GET|HEAD|OPTIONS)$") { set $ferryman "write"; }
        # What only asks, although it is no GET.
        if ($uri ~ "^/_matrix/(key/|client/.+/(sync|keys/query|search|publicRooms|refresh|filter)$|federation/v1/(get_missing_events/|user/keys/query|publicRooms))") { set $ferryman ""; }
        if ($uri !~ "^/_(matrix|synapse)/") { set $ferryman ""; }
        if ($ferryman) { return 503; }
        error_page 503 @ferryman;
        location @ferryman {
            default_type application/json;
            add_header Retry-After 300 always;
            add_header Access-Control-Allow-Origin * always;
            return 503 '{"errcode":"M_UNKNOWN","error":"This server is moving to new software. You can read; please write again in a little while."}';
        }
        ```

        Change the proxy, and `nginx -t && nginx -s reload`:

        ```text
        # In the server blocks for clients and for other servers:
        # instead of the location that has proxy_pass http://127.0.0.1:8008;
        location ~ ^/(_matrix|_tuwunel)(/|$) {
            proxy_pass http://127.0.0.1:6167;
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_http_version 1.1;
            # A sync waits; a big join takes its time; media are big.
            proxy_read_timeout 600s;
            client_max_body_size 100M;
        }
        ```

        Take the lines `include snippets/ferryman-freeze.conf;` out again, and `nginx -t && nginx -s reload`.

        ----

        Write this at the beginning of each site block in which clients or other servers come in, and `caddy reload --config /etc/caddy/Caddyfile`:

        ```text
        @ferryman {
            method POST PUT DELETE PATCH
            path /_matrix/* /_synapse/*
            # What only asks, although it is no GET, goes through.
            not path_regexp ^/_matrix/(key/|client/.+/(sync|keys/query|search|publicRooms|refresh|filter)$|federation/v1/(get_missing_events/|user/keys/query|publicRooms))
        }
        handle @ferryman {
            header Content-Type application/json
            header Retry-After 300
            header Access-Control-Allow-Origin *
            respond `{"errcode":"M_UNKNOWN","error":"This server is moving to new software. You can read; please write again in a little while."}` 503
        }
        ```

        Change the proxy, and `caddy reload --config /etc/caddy/Caddyfile`:

        ```text
        # In the site blocks for clients and for other servers:
        # instead of the reverse_proxy to http://127.0.0.1:8008
        @tuwunel path /_matrix/* /_tuwunel/*
        reverse_proxy @tuwunel http://127.0.0.1:6167
        ```

        Take `@ferryman` and `handle @ferryman { … }` out again, and `caddy reload --config /etc/caddy/Caddyfile`.

        ----

        Write this into each `frontend` in which clients or other servers come in, before the first `http-request` and `use_backend`, and `systemctl reload haproxy`:

        ```text
            acl ferryman_matrix path_beg /_matrix/ /_synapse/
            acl ferryman_read method GET HEAD OPTIONS
            # What only asks, although it is no GET.
            acl ferryman_asks path_reg ^/_matrix/(key/|client/.+/(sync|keys/query|search|publicRooms|refresh|filter)$|federation/v1/(get_missing_events/|user/keys/query|publicRooms))
            http-request return status 503 content-type application/json hdr Retry-After 300 hdr Access-Control-Allow-Origin * string '{"errcode":"M_UNKNOWN","error":"This server is moving to new software. You can read; please write again in a little while."}' if ferryman_matrix !ferryman_read !ferryman_asks
        ```

        Change the proxy, and `systemctl reload haproxy`:

        ```text
        # In the backend, instead of the line that has the server 127.0.0.1:8008:
            server tuwunel 127.0.0.1:6167 check
            option forwardfor
            timeout server 600s
        ```

        Take the four lines with `ferryman_` out again, and `systemctl reload haproxy`.

        ----

        Write this into a file of Traefik's file provider, with `tls` and entry points as your other routers have them, which Traefik reads by itself:

        ```yaml
        http:
          routers:
            ferryman-freeze:
              rule: >-
                (PathPrefix(`/_matrix/`) || PathPrefix(`/_synapse/`))
                && !Method(`GET`) && !Method(`HEAD`) && !Method(`OPTIONS`)
                && !PathRegexp(`^/_matrix/(key/|client/.+/(sync|keys/query|search|publicRooms|refresh|filter)$|federation/v1/(get_missing_events/|user/keys/query|publicRooms))`)
              priority: 1000000
              tls: {}
              middlewares: [ferryman-freeze]
              service: ferryman-freeze
          middlewares:
            ferryman-freeze:
              headers:
                customResponseHeaders:
                  Access-Control-Allow-Origin: "*"
                  Retry-After: "300"
          services:
            ferryman-freeze:
              loadBalancer:
                # Without a server behind it, the answer is a 503 in Traefik's own words.
                servers: []
        ```

        Change the proxy, which Traefik reads by itself:

        ```yaml
        # In the service that has had the server http://127.0.0.1:8008:
        http:
          services:
            matrix:
              loadBalancer:
                servers:
                  - url: http://127.0.0.1:6167
        ```

        Take the file with `ferryman-freeze` out again, which Traefik reads by itself.
        "#);
    }

    #[test]
    fn without_a_proxy_it_is_said_how_to_name_one() {
        let config = sample("data".as_ref());
        let all = [
            freeze(&config, None),
            switch(&config, None),
            unfreeze(&config, None),
            back(&config, None),
        ];
        insta::assert_snapshot!(all.join("\n\n"), @r"
        With the proxy's name the lines for its configuration come here: `freeze --proxy NAME` (one of `nginx`, `caddy`, `haproxy`, `traefik`), or once for all `public.proxy` in Ferryman's configuration.

        Let the proxy hand `/_matrix` and `/_tuwunel` to `http://127.0.0.1:6167` instead of `http://127.0.0.1:8008`, for clients and for other servers.

        With the proxy's name the lines for its configuration come here: `cutover --proxy NAME` (one of `nginx`, `caddy`, `haproxy`, `traefik`), or once for all `public.proxy` in Ferryman's configuration.

        Take the freeze's lines out of the proxy's configuration, and reload it.

        Let the proxy hand everything to `http://127.0.0.1:8008` again instead of `http://127.0.0.1:6167`, and reload it.
        ");
    }
}
